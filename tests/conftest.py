"""Scratch projects: this one with small parameters, run once and shared; a test takes a copy. And what is slow."""

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

from bench import scratch
from pipeline import paths
from pipeline.cells import fingerprint
from pipeline.cells.cell import read_json
from pipeline.data import splits
from tests import corpora, helpers
from tests.laboratory import Laboratory

LONG = 60  # epochs of the digits: a second or two of training, so that a fault can come in the midst of it
# A command that a script put into the background is born deaf to Ctrl-C, and so would be all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Lanes stand side by side: with a thread for each core in each of them, they would wait for each other.
torch.set_num_threads(1)
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # nor is a pool of compilers worth its start
# Machines are busy and slow now and then; and what fails in CI has to fail again at a desk.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")
ROWS = ("digits_mlp", "iris_mlp", "iris_svm", "iris_wild", "digits_lenet5")
PUBLISH = "python -m stages.publish"
# Slow is a test that runs commands of a whole project, so whatever asks for one of these fixtures; and a test that
# takes more than two seconds of a core by itself, which says so: `@pytest.mark.slow`. `make test-fast` leaves both out.
WHOLE_PROJECTS = {"finished", "fresh", "prepared", "studied", "texts"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow. Files with slow tests come first, so that no lane is left alone with one at the end."""
    for item in items:
        if not WHOLE_PROJECTS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    first = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in first)


def small(rows: Iterable[str] = ROWS) -> Callable[[dict[str, Any]], None]:
    """An edit of params.yaml: a few rows, two seeds and few epochs.

    Of all rows two can't be trained: one whose loss is no number, and one whose network can't take the images.
    """

    def edit(sections: dict[str, Any]) -> None:
        experiments = sections["experiments"]
        wild = {"optimizer": "sgd", "lr": 1.0e30, "schedule": "constant"}
        iris, digits = experiments["iris_mlp"], experiments["digits_mlp"]
        experiments["iris_wild"] = {**iris, "set": {**iris["set"], **wild}}
        experiments["digits_lenet5"] = {**digits, "model": "models/lenet5", "view": "none", "args": {}}
        scratch.only(rows, seeds=(0, 1), epochs=2)(sections)
        for budget in sections["data"].get("digits", {"budget": {}})["budget"].values():
            budget["epochs"] = LONG

    return edit


def without_publish(project: Path) -> Path:
    """MLflow costs seconds, and most tests are not about it."""
    path = project / "dvc.yaml"
    assert PUBLISH in path.read_text()
    path.write_text(path.read_text().replace(PUBLISH, "mkdir -p mlflow && echo none > mlflow/receipt.json"))
    return project


def copied(project: Path, folder: Path) -> Path:
    """A copy of a project, without its registry."""
    shutil.copytree(project, folder / "project", ignore=shutil.ignore_patterns("mlflow", "__pycache__"))
    return without_publish(folder / "project")


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all lanes of a run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def made_once(common: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """A folder that the first lane that asks makes, while others wait. Only to be looked at, and to be copied."""

    def of(name: str, make: Callable[[Path], object]) -> Path:
        folder = common / "made_once" / name
        folder.parent.mkdir(exist_ok=True)
        with folder.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.getsize(lock.name):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                lock.write("made")
        return folder

    return of


@pytest.fixture(scope="session")
def finished(made_once: Callable[..., Path]) -> Path:
    """A project after `cli repro`, everything included; `said.txt` is what it printed. Only to be looked at."""

    def make(folder: Path) -> None:
        project = scratch.copy(folder, small())
        with helpers.started(project, *helpers.REPRO, "--jobs", "2") as process:
            code = process.wait(300)
            said = (project / "said.txt").read_text()
            assert code == 0, said

    return made_once("finished", make)


@pytest.fixture(scope="session")
def texts(made_once: Callable[..., Path]) -> Path:
    """The project of `tests/corpora.py`, all of it made. Only to be looked at, and to be copied."""
    return made_once("texts", corpora.make)


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, to be done with as one likes; its publish stage is a dummy."""
    return copied(finished, tmp_path)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Path]:
    """A project that was never run, with an edit of params.yaml."""

    def make(edit: Callable[[dict[str, Any]], None], name: str = "fresh") -> Path:
        return without_publish(scratch.copy(tmp_path / name, edit))

    return make


@pytest.fixture(scope="session")
def sample(laboratory: Laboratory) -> Callable[[str], tuple[np.ndarray, np.ndarray, int]]:
    """A few real training items (N, ...), labels (N,) and the number of classes (0 of numbers), of shipped data."""

    @cache
    def of(name: str) -> tuple[np.ndarray, np.ndarray, int]:
        folder = laboratory.data(name)
        x, y = (np.load(folder / f"{a}_train.npy", mmap_mode="r") for a in "xy")
        chosen = splits.stratified(splits.strata(np.asarray(y)), min(60, len(y)), np.random.default_rng(0))
        return np.array(x[chosen]), np.array(y[chosen]), len(read_json(folder / "meta.json")["classes"])

    return of


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory, common: Path) -> Laboratory:
    """Cells in this process, on data that is fetched and prepared once."""
    return Laboratory(tmp_path_factory.mktemp("laboratory"), common / "laboratory")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """A cell sets threads and flushes denormal numbers to zero for its own process; here that process goes on."""
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(1)


@pytest.fixture
def own_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cells and remembered digests go below the test's own folder."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "CELLS", tmp_path / ".cells")
    monkeypatch.setattr(fingerprint, "_cache", {})
    monkeypatch.setattr(fingerprint, "_cache_file", tmp_path / ".cells" / "digests.json")
    return tmp_path / ".cells"
