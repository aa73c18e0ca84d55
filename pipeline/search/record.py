"""The trials of a search as a small file that Git keeps: what the report reads, without Optuna and its journal."""

import json
from pathlib import Path
from typing import Any

from pipeline.results import files
from pipeline.search.study import Study
from pipeline.search.subject import Subject

# state: default, whole, failed, or given up before its last epoch. trainings: how much was trained by all trials when
# this one ended, in whole trainings. epochs: its own. value: on validation, of `default` and `whole`.
COLUMNS = ("state", "trial", "trainings", "epochs", "value", "seed", "values")


def write(path: Path, subject: Subject, study: Study) -> None:
    """In the order in which trials ended; equal trials give equal bytes."""
    last = subject.rungs[-1]
    default = study.default
    lines: list[list[Any]] = []
    if default and default.value is not None:
        lines.append(["default", "", "0.00", last, repr(default.value), subject.defaults])
    for trial in study.settled:
        state = "failed" if trial.value is None else "whole"
        value = "" if trial.value is None else repr(trial.value)
        lines.append([state, trial.number, f"{(trial.spent or 0) / last:.2f}", trial.epochs, value, trial.values])
    for trial in study.given_up:
        lines.append(["given up", trial.number, "", trial.epochs, "", trial.values])
    lines.sort(key=lambda line: (line[0] != "default", line[0] == "given up", float(line[2] or 0), line[1]))
    table = [[*line[:5], subject.seed, json.dumps(line[5])] for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, COLUMNS, [dict(zip(COLUMNS, line, strict=True)) for line in table])
