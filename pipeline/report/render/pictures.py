"""Pictures of a document: drawn where what they show has changed, side by side.

A PNG carries a digest of its data and of the code that drew it, so a fresh clone draws nothing that it has already.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import lifetime
from pipeline.cells import fingerprint
from pipeline.report.render.document import Block, Picture

WORTH_A_PROCESS = 2  # pictures in each, since it starts with importing matplotlib
SHARED = ("pipeline.report.render.plots", "pipeline.report.render.style")
CHUNK = "Digest"  # of the PNG's text


def draw(blocks: Iterable[Block], folder: Path, pdf: bool = False) -> int:
    """Draw the changed pictures among `blocks` into `folder`; how many. pdf: instead all of them, as PDF."""
    wanted = [(block, digest(block)) for block in blocks if isinstance(block, Picture)]
    changed = [(picture, mark) for picture, mark in wanted if pdf or not _has(folder / picture.file, mark)]
    jobs = [{**asdict(picture), "mark": mark, "folder": str(folder), "pdf": pdf} for picture, mark in changed]
    lanes = min(len(os.sched_getaffinity(0)), len(jobs) // WORTH_A_PROCESS)
    if lanes < 2:
        _draw(jobs)
    else:
        _side_by_side([jobs[lane::lanes] for lane in range(lanes)])
    return len(jobs)


def digest(picture: Picture) -> str:
    """Of all that decides a picture: its data, and the sources that draw it."""
    modules = [*SHARED, picture.draw.partition(":")[0]]
    sources = [fingerprint.of_path(fingerprint.PACKAGE.parent / f"{m.replace('.', '/')}.py") for m in modules]
    return fingerprint.of_json([picture.draw, picture.data, sources])[:32]


def _has(path: Path, mark: str) -> bool:
    """Whether the PNG there was drawn from this; its text stands before the pixels."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return f"{CHUNK}\0{mark}".encode() in file.read(1000)


def _side_by_side(shares: Sequence[Sequence[dict[str, Any]]]) -> None:
    """A process for each share, which ends with this one. RuntimeError where one fails; it has said why."""
    words = [sys.executable, "-m", "pipeline.report.render.pictures"]
    environment = {**os.environ, "PYTHONPATH": str(fingerprint.PACKAGE.parent)}
    bound = partial(lifetime.die_with_parent, parent=os.getpid())
    started = [subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, preexec_fn=bound) for _ in shares]
    for process, share in zip(started, shares, strict=True):
        assert process.stdin
        with process.stdin:
            process.stdin.write(json.dumps(share).encode())
    if any([process.wait() for process in started]):
        raise RuntimeError("not all pictures could be drawn")


def _draw(jobs: Sequence[dict[str, Any]]) -> None:
    if not jobs:
        return
    import matplotlib

    from pipeline.report.render.style import SETTINGS

    for job in jobs:
        module, _, function = job["draw"].partition(":")
        path = Path(job["folder"], job["name"])
        with matplotlib.rc_context(SETTINGS):
            figure = getattr(importlib.import_module(module), function)(**job["data"])
            # No date and no version goes in: equal inputs give equal bytes.
            if job["pdf"]:
                nothing = {"CreationDate": None, "Producer": None, "Creator": None}
                figure.savefig(path.with_suffix(".pdf"), metadata=nothing)
            else:
                draft = path.with_suffix(".part.png")
                figure.savefig(draft, dpi=150, metadata={"Software": None, CHUNK: job["mark"]})
                draft.replace(path.with_suffix(".png"))


if __name__ == "__main__":
    _draw(json.load(sys.stdin))
