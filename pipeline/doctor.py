"""What a bug report needs, and whether something is broken: `python -m pipeline.doctor`."""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import paths
from pipeline.build import dvc
from pipeline.cells import provenance, store
from pipeline.cells.cell import CellError
from pipeline.config import loading
from pipeline.errors import Told
from pipeline.run.devices import gpus
from pipeline.run.plan import Plan
from pipeline.tracking import database
from pipeline.tracking.ledger import read as read_ledger

PACKAGES = ["torch", "torchvision", "pytorch-lightning", "optuna", "mlflow", "dvc", "scikit-learn", "onnxruntime"]
Line = tuple[bool, str, str]  # whether it is well, what, and how it is
FREE_GIGABYTES = 2.0
SHOWN = 3  # of the damaged cells


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


def commands() -> Iterator[Line]:
    """The packages' commands name their interpreter by its place, which another folder does not have."""
    script = Path(sys.prefix) / "bin" / "dvc"
    if script.is_file():
        home = any(str(place) in script.read_text()[:400] for place in {script.parent, script.resolve().parent})
        moved = f"{script} was made for another folder; `rm -r {Path(sys.prefix).name}`, then `make install`"
        yield home, "commands", f"{script.parent}" if home else moved


def cells() -> Iterator[Line]:
    """Every finished cell: its marker, its specification, and that its files are there."""
    problems = []
    folders = list(store.finished())
    for folder in folders:
        try:
            store.verify(folder, content=False)
        except (CellError, KeyError) as error:
            problems.append(str(error) if isinstance(error, CellError) else f"{folder}: its marker lacks {error}")
    yield not problems, "cells", f"{len(folders)} finished, {len(problems)} damaged; `make audit` rehashes them"
    yield from ((False, "cell", problem) for problem in problems[:SHOWN])


def tracked() -> Iterator[Line]:
    """DVC is asked for its status, so that it reads its stages, its record and its settings."""
    absent = dvc.absent()
    problem = "" if absent else dvc.problem()
    yield not problem, "DVC", absent or problem or "reads its stages and its record"


def ledger() -> Iterator[Line]:
    kinds = Counter(line["kind"] for line in read_ledger(paths.LEDGER))
    given = f"{kinds['version']} versions in {paths.LEDGER.name}"
    yield True, "ledger", given if kinds else "not made yet; `make repro`"


def registry() -> Iterator[Line]:
    """MLflow's store is opened, and a model of it answers."""
    if not (paths.STORE / database.NAME).is_file():
        yield True, "registry", "not made yet; `make repro`"
        return
    database.opened(paths.STORE)
    runs, models = database.counts(paths.STORE)
    from pipeline.tracking.commands import aliases, example  # MLflow, which takes seconds

    locators = aliases()
    yield True, "registry", f"{runs} runs, {models} model versions, {len(locators)} aliases"
    if locators:
        yield True, "model", f"{locators[0]} answers its own example with {example(locators[0])} values"


CHECKS: list[Callable[[], Iterator[Line]]] = [
    versions,
    commands,
    devices,
    space,
    parameters,
    data,
    cells,
    tracked,
    ledger,
    registry,
]


def main() -> int:
    """Print a line a finding; exit code 1 if one is broken."""
    broken = 0
    for check in CHECKS:
        lines: list[Line] = []
        try:
            lines.extend(check())
        except Told as error:
            lines.append((False, check.__name__, str(error)))
        except Exception as error:  # a doctor that falls over says nothing
            lines.append((False, check.__name__, f"{type(error).__name__}: {error}"))
        for well, what, how in lines:
            broken += not well
            print(f"{'ok    ' if well else 'BROKEN'} {what:22} {how}")
    print(f"{broken} broken" if broken else "nothing is broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
