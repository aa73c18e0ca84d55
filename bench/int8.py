"""Whether 8-bit models answer alike on every processor, and how fast: `python -m bench.int8` in a finished project.

A line for each seed of each variant: the SHA-256 of its scores of the first test items, and milliseconds of a batch of
1 and of 64 with one thread, of its float32 graph and of the 8-bit one. On another processor the digests have to be the
same. One without VNNI can be emulated: `qemu-x86_64 -cpu Haswell <the interpreter itself> -m bench.int8`.
"""

import hashlib
import statistics
import sys
import time

import numpy as np

from pipeline import paths
from pipeline.config import loading
from pipeline.formats.model import Model, open_model
from pipeline.run.plan import Plan

BATCHES, SECONDS, ITEMS = (1, 64), 0.5, 200


def main() -> int:
    plan = Plan(loading.load(paths.ROOT / "params.yaml"))
    print("variant,seed,scores," + ",".join(f"{form}_{b}_ms" for form in ("float32", "int8") for b in BATCHES))
    for key, variant in plan.params.variants.items():
        x = np.load(plan.prepare(plan.params.experiments[variant.of].data).folder / "x_test.npy", mmap_mode="r")[:ITEMS]
        for seed in plan.params.seeds_of(key):
            before, after = (open_model(cell.folder, 1) for cell in plan.steps(key, seed)[-2:])
            digest = hashlib.sha256(after.scores(x).tobytes()).hexdigest()[:12]
            times = [f"{milliseconds(model, x[:batch]):.4f}" for model in (before, after) for batch in BATCHES]
            print(key, seed, digest, *times, sep=",", flush=True)
    return 0


def milliseconds(model: Model, x: np.ndarray) -> float:
    """Of processor time, so that a busy machine changes little: the median of one call for all of `x`, warm."""
    times: list[float] = []
    model.scores(x)
    started = time.process_time()
    while not times or time.process_time() - started < SECONDS:
        before = time.process_time()
        model.scores(x)
        times.append(time.process_time() - before)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
