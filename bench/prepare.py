"""What preparing data costs: 10,000 JPEGs, a table of 113 MB and an archive of images, each against its peer.

python -m bench.prepare ours|peer CASE FOLDER         once, on the files in FOLDER; prints a line of JSON
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.figures import Figure, alone, apart, compared

ROUNDS, PICTURES, SIDE, ROWS, COLUMNS, IMAGES = 3, 10_000, 96, 300_000, 50, 60_000
MEGABYTE = 1e6


def measure() -> Iterator[Figure]:
    """Wall seconds in turn, and the peak of memory above what the imports took, each in a process of its own."""
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            case.make(Path(folder, "source"))
            ours: list[Any] = []
            theirs: list[float] = []
            for _ in range(ROUNDS):
                ours += apart("bench.prepare", "ours", name, folder)
                theirs += apart("bench.prepare", "peer", name, folder) if case.peer else []
        for part, limit in (("read", case.limit), ("prepare", None)):
            seconds = [float(line[part]) for line in ours]
            if case.peer:
                yield compared(f"{name}, {part}", case.against, seconds, theirs, "s", limit)
            else:
                yield alone(f"{name}, {part}", seconds, "s", limit)
        yield alone(f"{name}, memory", [line["memory"] for line in ours], "MB", 2 * ours[0]["arrays"] + 200)


def pictures(folder: Path) -> None:
    """Ten classes of photographs, as smooth as such are."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        path = folder / f"class{number % 10}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE)).save(path, quality=90)


def table(folder: Path) -> None:
    """Numbers of four decimals, and one of three classes last."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (folder / "table.csv").open("w") as file:
        for start in range(0, ROWS, 10_000):
            classes = np.arange(start, start + 10_000)[:, None] % 3
            np.savetxt(file, np.hstack([rng.normal(size=(10_000, COLUMNS)), classes]), [*["%.4f"] * COLUMNS, "%d"], ",")


def archive(folder: Path) -> None:
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (IMAGES, 3, 64, 64), dtype=np.uint8)
    np.savez(folder / "images.npz", x_train=x, y_train=np.arange(IMAGES) % 10)


def pillow(folder: Path) -> None:
    """A loop as one writes it, each half in a process."""
    from PIL import Image

    paths = sorted(folder.glob("*/*.jpg"))
    out = np.lib.format.open_memmap(folder.parent / "peer.npy", "w+", np.uint8, (len(paths), 3, SIDE, SIDE))

    def fill(half: int) -> None:
        for number in range(half, len(paths), 2):
            with Image.open(paths[number]) as image:
                out[number] = np.asarray(image.convert("RGB").resize((SIDE, SIDE))).transpose(2, 0, 1)

    children = []
    for half in range(2):
        if not (child := os.fork()):
            fill(half)
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        raise RuntimeError("a half of the pictures was not read")


def pandas(folder: Path) -> None:
    from pandas import read_csv

    read_csv(folder / "table.csv", header=None)


@dataclass(frozen=True)
class Case:
    """make: writes the source. against: the peer's name. limit: of the reader's time over the peer's."""

    reader: str
    make: Callable[[Path], None]
    options: dict[str, Any] = field(default_factory=dict)
    peer: Callable[[Path], None] | None = None
    against: str = ""
    limit: float | None = None


CASES = {
    "10,000 JPEGs": Case(
        "image_folder", pictures, {"size": [SIDE, SIDE]}, pillow, "a loop of Pillow, 2 processes", 1.5
    ),
    "csv, 300,000 x 50": Case("csv", table, {}, pandas, "pandas.read_csv", 1.5),
    "npz, 60,000 images": Case("npz", archive, {"shape": [3, 64, 64]}),
}


def ours(case: Case, folder: Path) -> dict[str, float]:
    """Seconds of the reader and of the whole, megabytes of memory and of the arrays that are written."""
    from pipeline.cells.cell import write_json
    from pipeline.data import prepare
    from pipeline.data.spec import Prepare, Split

    spec = Prepare(data="bench", reader=case.reader, options=case.options, task="classification", split=Split(test=0.2))
    reader = importlib.import_module(f"pipeline.data.readers.{case.reader}")
    importlib.import_module(f"pipeline.tasks.{spec.task}")
    read, taken = reader.read, []

    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        raw = read(*arguments, **options)
        taken.append(time.perf_counter() - started)
        return raw

    reader.read = timed  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(dir=folder) as made, tempfile.TemporaryDirectory(dir=folder) as raw:
        write_json(Path(raw, "card.json"), {"title": "bench", "path": str(folder / "source")})
        before, started = _peak(), time.perf_counter()
        prepare.run(spec, Path(made), {"raw": Path(raw)})
        whole, memory = time.perf_counter() - started, _peak() - before
        arrays = sum(path.stat().st_size for path in Path(made).glob("*.npy")) / MEGABYTE
    return {"read": taken[0], "prepare": whole, "memory": memory, "arrays": arrays}


def _peak() -> float:
    """Megabytes; not `ru_maxrss`, which has the peak of the process that this one was started by."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / MEGABYTE


def peer(case: Case, folder: Path) -> float:
    """Seconds."""
    assert case.peer
    importlib.import_module("pandas" if case.peer is pandas else "PIL.Image")
    started = time.perf_counter()
    case.peer(folder / "source")
    return time.perf_counter() - started


if __name__ == "__main__":
    _, side, case, folder = sys.argv
    print(json.dumps({"ours": ours, "peer": peer}[side](CASES[case], Path(folder))))
