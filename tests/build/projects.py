"""What tests of a whole project change in it and read of it."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DVC = (sys.executable, "-m", "dvc", "repro")
Edit = Callable[[dict[str, Any]], None]


def setting(value: Any, *where: str) -> Edit:
    """An edit that puts `value` at a place of params.yaml."""

    def edit(sections: dict[str, Any]) -> None:
        spot = sections
        for part in where[:-1]:
            spot = spot[part]
        spot[where[-1]] = value

    return edit


def said(project: Path) -> str:
    return (project / "said.txt").read_text()


def rows(project: Path, experiment: str) -> list[dict[str, str]]:
    with (project / "reports" / "laptop" / "results.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["experiment"] == experiment]
