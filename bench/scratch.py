"""Scratch copies of this project with its own parameters shrunk: for the smoke run, for tests and for measurements.

python -m bench.scratch         every stage on digits, in .smoke/
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline import lifetime
from pipeline.config import loading
from pipeline.config.expansion import expand

ROOT = Path(__file__).parent.parent
# By running; a copy starts without.
MADE = (
    "results/",
    "reports/",
    "dvc.lock",
    "registry.jsonl",
    "studies/results/",
    "studies/reports/",
    "studies/dvc.lock",
)


def copy(target: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """The project's files as they are now, with `edit` applied to params.yaml; an own Git and DVC."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(MADE) and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    change(target, edit)
    return target


def change(project: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit params.yaml of a copy, every row of it written out in `experiments`; comments go, order stays."""
    path = project / "params.yaml"
    params = expand(loading.read(path)[0])
    edit(params)
    YAML().dump(params, path)


def only(
    experiments: Iterable[str], seeds: Iterable[int] = (0,), epochs: int = 1, samples: int | None = None
) -> Callable[[dict[str, Any]], None]:
    """An edit: these experiments with a small budget, the data and the variants that they need, no more."""
    kept = list(experiments)

    def edit(params: dict[str, Any]) -> None:
        _keep(params["experiments"], kept)
        _keep(params["data"], {e["data"] for e in params["experiments"].values()})
        _keep(params["variants"], [k for k, v in params["variants"].items() if v["of"] in kept])
        _keep(params["search"], kept)
        _keep(
            params["studies"], [k for k, s in params["studies"].items() if s["of"] in kept and not _starts(params, s)]
        )
        _keep(params["pretraining"], [])
        for profile in params["profiles"].values():
            profile["seeds"] = list(seeds)
        for data in params["data"].values():
            data.pop("seeds", None)
            for budget in data["budget"].values():
                budget["epochs"], budget["samples"] = epochs, samples

    return edit


def _starts(params: dict[str, Any], study: dict[str, Any]) -> bool:
    """Whether a point of the study starts from a pretraining."""
    points = [study, *study["vary"]]
    return any((point.get("start") or {}).get("weights") in params["pretraining"] for point in points)


def _keep(section: dict[str, Any], names: Iterable[str]) -> None:
    for name in set(section) - set(names):
        del section[name]


def run(project: Path, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command in a copy, with this interpreter's packages; its output is captured. It ends with this process."""
    bound = partial(lifetime.die_with_parent, parent=os.getpid())
    done = subprocess.run(
        words, cwd=project, env=environment(), capture_output=True, text=True, preexec_fn=bound, **options
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def cli(project: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return run(project, sys.executable, "-m", "pipeline.cli", *words, **options)


def environment() -> dict[str, str]:
    """Of a command in a copy: quiet, with the packages of this interpreter first on the path, unknown to make."""
    own = {k: v for k, v in os.environ.items() if k not in ("MAKELEVEL", "MAKEFLAGS", "LAB_COMMIT", "PYTHONPATH")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', '')}"
    return {**own, "PATH": path, "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def smoke() -> int:
    """Networks, a classical model, compression, registry and report on digits; exit code of the run."""
    project = ROOT / ".smoke"
    shutil.rmtree(project, ignore_errors=True)

    def edit(params: dict[str, Any]) -> None:
        steps = [{"method": "onnx"}, {"method": "static_int8"}]
        params["variants"]["digits_cnn_int8"] = {"of": "digits_cnn", "steps": steps}
        only(["digits_mlp", "digits_cnn", "digits_svm"], seeds=(0, 1), epochs=2)(params)

    copy(project, edit)
    words = [sys.executable, "-m", "pipeline.cli", "repro"]
    code = subprocess.run(words, cwd=project, env=environment()).returncode
    shutil.rmtree(project)
    return code


if __name__ == "__main__":
    sys.exit(smoke())
