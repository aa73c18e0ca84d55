"""All measurements, or those named: `python -m bench [training cells ...]`."""

import importlib
import sys

from bench.figures import Figure, record, table
from pipeline.run.devices import gpus

BENCHES = ["training", "throughput", "mixed", "augment", "capsules", "cells", "noop", "parallel", "publish", "prepare"]
BENCHES += ["padding", "tokens", "decoding", "search", "cluster", "laptop"]


def main(chosen: list[str]) -> int:
    """Print the table; exit code 1 if a figure is above its limit."""
    if unknown := set(chosen) - set(BENCHES):
        sys.exit(f"unknown: {', '.join(unknown)}; valid: {', '.join(BENCHES)}")
    figures: list[Figure] = []
    for name in chosen or BENCHES:
        bench = importlib.import_module(f"bench.{name}")
        if getattr(bench, "NEEDS_GPU", False) and not gpus():
            print(f"{name}: no GPU here, nothing measured", flush=True)
            continue
        for figure in record(name, bench.measure()):
            figures.append(figure)
            print(f"{figure.name}: {figure.median:g} {figure.unit}", flush=True)
    print("\n" + table(figures))
    return 0 if all(f.holds for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
