"""The runner's plumbing in a folder of its own, with cells that import nothing and do what they are told."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from bench import scratch
from pipeline.cells import fingerprint
from tests import helpers

# A cell of this project does what its specification says.
ACT = """
    import json, os, signal, sys, time

    from pipeline.introspection import Strict

    GLOBAL = []

    class Spec(Strict):
        name: str = ""
        act: str = ""
        seconds: float = 0.0
        estimate: float | None = None

    def run(spec, folder, inputs):
        started, seen = time.time(), (list(GLOBAL), os.environ.get("LEFT"), os.getcwd(), hasattr(json, "soiled"))
        print("working", flush=True)
        act = spec.act
        if act == "soil":
            GLOBAL.append(1)
            os.environ["LEFT"] = "behind"
            os.chdir("/")
            json.soiled = True
        if act == "raise":
            raise ValueError("a first line\\nand a second one")
        if act == "fail":
            return {"status": "failed", "reason": "loss is nan at step 3"}
        if act == "leave":
            os._exit(0)
        if act == "exit":
            sys.exit(0)
        if act == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "moody":
            if os.path.exists("been_here"):
                os.kill(os.getpid(), signal.SIGKILL)
            open("been_here", "w").close()
            raise ValueError("at first")
        if act == "interrupt":
            raise KeyboardInterrupt
        time.sleep(spec.seconds)
        given = sorted(name for name, path in inputs.items() if (path / "cell.json").is_file())
        costs = {"from": started, "to": time.time(), "process": os.getpid()}
        return {"status": "ok", "seen": seen, "given": given, "costs": costs}
"""
SCRIPT = """
    import json, sys
    from pathlib import Path
    from pipeline.act import Spec
    from pipeline.cells.cell import Cell, record
    from pipeline.run.fill import Run, RunError, executor
    asked, jobs = json.loads(sys.argv[1]), int(sys.argv[2])
    cells = {}
    for name, spec in asked.items():
        spec = {"name": name, **spec}
        inputs = {i: cells[i] for i in spec.pop("needs", [])}
        entry = spec.pop("entry", "pipeline.act")
        kind = spec.pop("kind", "train")
        cells[name] = Cell(kind, entry, Spec(**spec), Path("shown") / name, name, inputs=inputs)
    said, why, made = [], None, []
    try:
        told = lambda line: (said.append(line), print(line, file=sys.stderr, flush=True))
        run = Run(executor(jobs), seconds=lambda c: c.spec.estimate, say=told)
        made = [c.label for c in run.fill(cells.values())]
    except RunError as error:
        why = str(error)
    done = {n: c.result | record(c.folder, "costs.json") for n, c in cells.items() if c.complete}
    print(json.dumps({"made": made, "said": said, "why": why, "done": done}))
"""


PLUMBING = {
    "": ["__init__", "errors", "introspection", "lifetime", "paths"],
    "cells": ["__init__", "archives", "cell", "environment", "fingerprint", "listing", "provenance", "store"],
    "run": ["__init__", "devices", "durations", "fill", "progress"],
    "run/executors": ["__init__", "contract", "forks", "in_process", "warm"],
}


class Project:
    """The plumbing alone, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for room, names in PLUMBING.items():
            (root / "pipeline" / room).mkdir(parents=True)
            for name in names:
                shutil.copy(fingerprint.PACKAGE / room / f"{name}.py", root / "pipeline" / room)
        shutil.copy(fingerprint.PACKAGE.parent / "environment.json", root)
        self.module("act", ACT)
        (root / "script.py").write_text(textwrap.dedent(SCRIPT))

    def module(self, name: str, text: str) -> None:
        (self.root / "pipeline" / f"{name}.py").write_text(textwrap.dedent(text))

    def words(self, cells: dict[str, Any], jobs: int = 2) -> list[str]:
        return [sys.executable, "script.py", json.dumps(cells), str(jobs)]

    def run(self, cells: dict[str, Any], jobs: int = 2) -> dict[str, Any]:
        done = subprocess.run(
            self.words(cells, jobs),
            cwd=self.root,
            env=scratch.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout.splitlines()[-1]), "error": done.stderr}


def started(project: Project, cells: dict[str, Any]) -> Any:
    (project.root / "said.txt").touch()
    return helpers.started(project.root, *project.words(cells))


def logs(project: Project) -> list[Path]:
    """Of the cells that are at work."""
    return [p for p in project.root.glob(".cells/*/log.txt") if "working" in p.read_text()]


def family(pid: int) -> dict[str, list[int]]:
    """Process ids below the runner: its warm interpreter, and that one's children."""
    warm = children(pid)
    return {"runner": [pid], "warm": warm, "child": [c for w in warm for c in children(w)]}


def children(pid: int) -> list[int]:
    return [int(p) for t in Path(f"/proc/{pid}/task").glob("*/children") for p in t.read_text().split()]
