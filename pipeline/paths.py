"""The only maker of artifact paths.

Everything lives below `ROOT`, the folder that holds `params.yaml`: the working directory of every stage.
"""

from pathlib import Path

ROOT = Path.cwd()
PARAMS = ROOT / "params.yaml"
CELLS = ROOT / ".cells"
STORE = ROOT / "mlflow"
LEDGER = ROOT / "registry.jsonl"


def raw(data: str) -> Path:
    """What a source delivered, verified: `data/raw/<data>`."""
    return ROOT / "data" / "raw" / data


def prepared(data: str) -> Path:
    """Arrays, stored split and `meta.json` of a data set: `data/prepared/<data>`."""
    return ROOT / "data" / "prepared" / data


def artifacts(profile: str, key: str) -> Path:
    """Trained or compressed models of an experiment or a variant, a folder a seed."""
    return ROOT / "artifacts" / profile / key


def results(profile: str, key: str) -> Path:
    """Small text results of an experiment or a variant, kept in Git."""
    return ROOT / "results" / profile / key


def reports(profile: str) -> Path:
    """Tables and figures of a profile, kept in Git."""
    return ROOT / "reports" / profile


def study(profile: str, name: str) -> Path:
    """What came of a study, a line a point and seed, kept in Git."""
    return ROOT / "studies" / "results" / profile / f"{name}.csv"


def study_reports(profile: str) -> Path:
    """Figures and tables of all studies, kept in Git."""
    return ROOT / "studies" / "reports" / profile


def journal(profile: str, key: str) -> Path:
    """Every trial of every search of an experiment: `sweeps/<profile>_<experiment>.journal`."""
    return ROOT / "sweeps" / f"{profile}_{key}.journal"
