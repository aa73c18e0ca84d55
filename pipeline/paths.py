"""The only maker of artifact paths.

Everything lives below `ROOT`, the folder that holds `params.yaml`: the working directory of every stage.
"""

from pathlib import Path

ROOT = Path.cwd()
PARAMS = ROOT / "params.yaml"


def _home() -> Path:
    """The project that `ROOT` is, or, where `dvc exp run --temp` works in a copy of the tracked files, its own."""
    parts = ROOT.parts
    for place in range(len(parts) - 3):
        if parts[place : place + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:place])
    return ROOT


CELLS = _home() / ".cells"
STORE = _home() / "mlflow"
REFERENCES = ROOT / "references"
LEDGER = ROOT / "registry.jsonl"
KIT = ROOT / ".gpu-kit"  # what a bare GPU machine lacks: `make gpu-kit`


def raw(data: str) -> Path:
    """What a source delivered, verified: `data/raw/<data>`."""
    return ROOT / "data" / "raw" / data


def prepared(data: str) -> Path:
    """Arrays, stored split and `meta.json` of a data set: `data/prepared/<data>`."""
    return ROOT / "data" / "prepared" / data


def look(data: str) -> Path:
    """The sheet of a data set's samples that `make look` draws."""
    return ROOT / "data" / "look" / f"{data}.png"


def artifacts(profile: str, kind: str) -> Path:
    """Kept models by the kind of cell that made them, train, compress or pretrain: a folder a row, below it a seed."""
    return ROOT / "artifacts" / profile / kind


def evaluations(profile: str) -> Path:
    """Predictions and what was found on them: a folder a row, below it a seed, below that an evaluator."""
    return ROOT / "evaluations" / profile


def plan(profile: str) -> Path:
    """What each step of the build wants, a file a step; written by the first stage of `dvc.yaml`."""
    return ROOT / "plan" / profile


def done(profile: str, step: str) -> Path:
    """What a step has finished: the digest of each of its cells."""
    return ROOT / "done" / profile / f"{step}.json"


def results(profile: str, key: str) -> Path:
    """Small text results of an experiment or a variant, kept in Git."""
    return ROOT / "results" / profile / key


def reports(profile: str) -> Path:
    """Tables and figures of a profile, kept in Git."""
    return ROOT / "reports" / profile


def study(profile: str, name: str) -> Path:
    """Small text results of a study, kept in Git."""
    return ROOT / "studies" / "results" / profile / name


def study_cells(profile: str) -> Path:
    """The cells of all studies, and what they are made from."""
    return ROOT / "studies" / "cells" / profile


def study_reports(profile: str) -> Path:
    """Figures and tables of all studies, kept in Git."""
    return ROOT / "studies" / "reports" / profile


def trials(profile: str, key: str) -> Path:
    """Trials of the last search of an experiment, kept in Git."""
    return ROOT / "results" / profile / "trials" / f"{key}.csv"


def journal(profile: str, key: str) -> Path:
    """Every trial of every search of an experiment: `sweeps/<profile>_<experiment>.journal`."""
    return ROOT / "sweeps" / f"{profile}_{key}.journal"
