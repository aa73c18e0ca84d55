"""A slot on a node of a cluster: a warm interpreter, and a folder of the node's own for its cells.

Inputs come as bytes and finished cells go back as bytes. All paths of the project are made of the working directory, so
nothing of it is imported before the node's folder is that.
"""

import importlib
import io
import os
import socket
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

HASTE = 0.5  # seconds between two looks at whether a checkpoint is due


class Made(NamedTuple):
    """How a submission ended. outcomes: (place in the submission, problem, seconds). finished: an archive of cells.
    private: their logs, and what there is of cells that have no result, by key."""

    outcomes: list[tuple[int, str | None, float]]
    finished: bytes
    private: dict[str, bytes]


class Worker:
    """Cells that its node has had are not sent to it again."""

    def __init__(self, run: str, files: Mapping[str, str], versions: Mapping[str, str], modules: list[str]) -> None:
        """run: a name for what code and `files`, by relative name, are. versions: of packages that have to be the same
        here; RuntimeError names those that are not. modules: of the project, imported before the first cell."""
        node = importlib.import_module("ray").get_runtime_context().get_node_id()
        home = Path(tempfile.gettempdir()) / f"laboratory-{os.getuid()}" / f"{run[:16]}-{node[:16]}"
        for name, text in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        os.chdir(home)
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's; a cell says itself how many threads it has
        code = str(Path(__file__).parents[3])
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
        from pipeline.cells import environment
        from pipeline.run.executors.forks import WarmForks

        here = environment.installed()
        other = [f"{n} {here.get(n)} instead of {v}" for n, v in versions.items() if here.get(n) != v]
        if other:
            raise RuntimeError(f"{socket.gethostname()} has {', '.join(other)}; install the same lock there")
        self.forks = WarmForks(1)
        self.forks.launch(modules)

    def ready(self) -> None:
        """Returns once the worker is there."""

    def run(
        self, cells: list[Any], inputs: Mapping[str, Any], begun: Mapping[str, bytes], keeper: Any, seconds: float
    ) -> Made:
        """Make the cells, one after the other. inputs: finished cells that they need, by key, as references to
        archives. begun: what there is of the cells from an earlier attempt. keeper: gets the newest checkpoint every so
        many seconds."""
        from pipeline import paths
        from pipeline.cells import archives
        from pipeline.cells.cell import CHECKPOINTS, MARKER, PRIVATE

        ray = importlib.import_module("ray")
        for key, archive in inputs.items():
            if not (paths.CELLS / key / MARKER).is_file():
                accept(ray.get(archive))
        for key, files in begun.items():
            unpack(files, key)
        self.forks.submit(cells)
        waited = 0.0
        while not (outcomes := self.forks.wait(HASTE)):
            waited += HASTE
            if waited >= seconds:
                waited = 0.0
                for cell in (c for c in cells if not c.complete and (c.folder / CHECKPOINTS[0]).is_file()):
                    ray.get(keeper.keep.remote(cell.key, pack(cell.folder, CHECKPOINTS)))
        places = {id(cell): place for place, cell in enumerate(cells)}
        finished = [outcome.cell.folder for outcome in outcomes if outcome.cell.complete]
        private = {o.cell.key: pack(o.cell.folder, ["log.txt"] if o.cell.complete else PRIVATE) for o in outcomes}
        return Made(
            [(places[id(outcome.cell)], outcome.problem, outcome.seconds) for outcome in outcomes],
            archives.pack(finished, compressed=False) if finished else b"",
            private,
        )


class Keeper:
    """Puts checkpoints of other nodes where the run was started, so that it can go on with them."""

    def __init__(self, home: str) -> None:
        os.chdir(home)

    def keep(self, key: str, files: bytes) -> None:
        unpack(files, key)


def accept(archive: bytes) -> None:
    """Take finished cells into the store, verified."""
    from pipeline import paths
    from pipeline.cells import store

    paths.CELLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.CELLS, prefix="received-") as folder:
        (Path(folder) / "cells.tar").write_bytes(archive)
        store.import_from(Path(folder))


def pack(folder: Path, names: Any) -> bytes:
    """Those files of the folder that are there."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            if (folder / name).is_file():
                archive.add(folder / name, name)
    return packed.getvalue()


def unpack(files: bytes, key: str) -> None:
    """What `pack` made of a cell, each file under its name once it is whole; of a finished cell only its log."""
    from pipeline import paths
    from pipeline.cells.cell import MARKER, PRIVATE

    folder = paths.CELLS / key
    wanted = {"log.txt"} if (folder / MARKER).is_file() else PRIVATE
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        for member in archive:
            source = archive.extractfile(member) if member.name in wanted else None
            if source:
                draft = folder / f".{member.name}.received"
                draft.write_bytes(source.read())
                draft.replace(folder / member.name)
