"""What a bug report needs, and whether something is broken: `python -m pipeline.doctor`."""

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator

from pipeline import paths
from pipeline.cells import provenance, store
from pipeline.cells.cell import CellError
from pipeline.config import loading
from pipeline.run.devices import gpus
from pipeline.run.plan import Plan

PACKAGES = ["torch", "torchvision", "pytorch-lightning", "optuna", "mlflow", "dvc", "scikit-learn", "onnxruntime"]
Line = tuple[bool, str, str]  # whether it is well, what, and how it is
FREE_GIGABYTES = 2.0


def versions() -> Iterator[Line]:
    yield sys.version_info >= (3, 11), "python", f"{platform.python_version()} on {platform.platform()}"
    lock = {}
    if (paths.ROOT / "requirements.txt").is_file():
        lines = (paths.ROOT / "requirements.txt").read_text().splitlines()
        lock = dict(line.split(" ")[0].split("==", 1) for line in lines if "==" in line and line[0].isalpha())
    for name in PACKAGES:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield False, name, "not installed; `make install`"
            continue
        locked = lock.get(name, found)
        yield (
            found == locked,
            name,
            found + ("" if found == locked else f", but the lock says {locked}; `make install`"),
        )
    yield (
        not sys.flags.dont_write_bytecode,
        "bytecode",
        (
            "not written, so every start is slow; unset PYTHONDONTWRITEBYTECODE"
            if sys.flags.dont_write_bytecode
            else "written"
        ),
    )


def devices() -> Iterator[Line]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield True, "processor", f"{provenance.processor()}, {cores} cores for this process"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    yield len(names) == len(gpus()), "GPUs", ", ".join(names) or "none"


def space() -> Iterator[Line]:
    free = shutil.disk_usage(paths.ROOT).free / 1e9
    yield free > FREE_GIGABYTES, "free disk", f"{free:.1f} GB (a first run takes {FREE_GIGABYTES:g})"


def parameters() -> Iterator[Line]:
    plan = loading.load()
    yield (
        True,
        "params.yaml",
        f"profile {plan.profile}, {len(plan.experiments)} experiments, {len(plan.variants)} variants",
    )


def data() -> Iterator[Line]:
    """Data sets that are here, rehashed."""
    plan = Plan(loading.load())
    for name in plan.params.data:
        for cell in (plan.fetch(name), plan.prepare(name)):
            if not cell.complete:
                yield True, f"{cell.kind} {name}", "not here yet"
                continue
            try:
                store.verify(cell.folder)
                yield True, f"{cell.kind} {name}", f"content {cell.marker['digest'][:12]}"
            except CellError as error:
                yield False, f"{cell.kind} {name}", str(error)


def stores() -> Iterator[Line]:
    yield (paths.ROOT / ".dvc" / "config").is_file(), "DVC", "configured"
    yield True, "cells", f"{sum(1 for _ in store.finished())} finished; `make audit` rehashes them"
    database = paths.STORE / "mlflow.db"
    if not database.is_file():
        yield True, "registry", "not made yet; `make repro`"
        return
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            runs = connection.execute("select count(*) from runs").fetchone()[0]
            models = connection.execute("select count(*) from model_versions").fetchone()[0]
        yield True, "registry", f"{runs} runs, {models} model versions"
    except sqlite3.Error as error:
        yield False, "registry", f"{database.relative_to(paths.ROOT)}: {error}; delete mlflow/ and `make repro`"


CHECKS: list[Callable[[], Iterator[Line]]] = [versions, devices, space, parameters, data, stores]


def main() -> int:
    """Print a line a finding; exit code 1 if one is broken."""
    broken = 0
    for check in CHECKS:
        try:
            lines = list(check())
        except Exception as error:  # a doctor that falls over says nothing
            lines = [(False, check.__name__, f"{type(error).__name__}: {error}")]
        for well, what, how in lines:
            broken += not well
            print(f"{'ok    ' if well else 'BROKEN'} {what:22} {how}")
    print(f"{broken} broken" if broken else "nothing is broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
