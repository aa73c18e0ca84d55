"""A small laboratory with real cells: fetched, prepared, trained, compressed and evaluated by the real stages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.config import loading as parameters
from pipeline.config.sections import Params
from pipeline.tracking.publish import publish
from pipeline.tracking.records import Roots

REPOSITORY = Path(__file__).parents[2]
SECTIONS = """
profile: laptop
profiles:
  laptop: {seeds: [0, 1], threads: 1, precision: 32-true, cell_minutes: 5.0}
  paper: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5.0}
data:
  shapes:
    source: shapes.npz
    reader: npz
    options: {shape: [1, 8, 8]}
    task: classification
    split: {}
    budget: {laptop: {samples: 300, epochs: 2}, paper: {samples: 400, epochs: 3}}
recipes:
  quick: {kind: gradient, batch_size: 32, lr: 0.01}
  wild: {kind: gradient, optimizer: sgd, lr: 1.0e+30, schedule: constant}
  solver: {kind: fit}
experiments:
  shapes_mlp: {data: shapes, model: models/mlp, recipe: quick, view: flatten, args: {hidden: [16]}, set: {}}
  shapes_svm: {data: shapes, model: classical/svm, recipe: solver, view: flatten, args: {}, set: {}}
  shapes_wild: {data: shapes, model: models/mlp, recipe: wild, view: flatten, args: {hidden: [16]}, set: {}}
variants:
  shapes_mlp_int8: {of: shapes_mlp, steps: [{method: onnx}, {method: static_int8, calibration_samples: 32}]}
evaluators: {quality: {}, calibration: {}, size: {}}
"""
WORK = """
import sys
from pipeline.build import repro, steps
from pipeline.build.selection import Selection
from pipeline.config import loading
from pipeline.run.plan import Plan
p = loading.load()
for key in sys.argv[1:] or p.experiments:
    selection = Selection(Plan(p), key)
    assert not repro.fill(selection, 1)[0]
    steps.show_rows(selection, [*selection.experiments, *selection.variants])
"""


class Laboratory:
    """A project's folder, and what a user does in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.roots = root, Roots(root)

    @property
    def params(self) -> Params:
        return parameters.load(self.root / "params.yaml")

    def shown(self, key: str) -> Path:
        """Where the stages show the models of a row of the laptop profile."""
        (folder,) = (self.root / "artifacts" / "laptop").glob(f"*/{key}")
        return folder

    def edit(self, before: str, after: str) -> None:
        path = self.root / "params.yaml"
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))

    def run(self, *keys: str) -> None:
        """Every stage but publish, of some experiments or of all."""
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        subprocess.run([sys.executable, "-c", WORK, *keys], cwd=self.root, env=environment, check=True,
                       capture_output=True, text=True, timeout=300)  # fmt: skip

    def publish(self) -> dict:
        return publish(self.params, self.roots)

    def without_store(self) -> "Laboratory":
        """A copy that has all but the store. (MLflow holds on to a store that it has once opened in a process.)"""
        copy = self.root.with_name(f"{self.root.name}_again")
        shutil.copytree(self.root, copy, ignore=shutil.ignore_patterns("mlflow"))
        return Laboratory(copy)


@pytest.fixture(scope="session")
def finished(made_once: Callable[..., Path]) -> Laboratory:
    """Trained and evaluated, not yet published. Tests take a copy."""

    def make(folder: Path) -> None:
        digits = load_digits()
        images, labels = digits.images.astype(np.uint8).reshape(-1, 1, 8, 8), digits.target
        np.savez(folder / "shapes.npz", x_train=images[:1000], y_train=labels[:1000],
                 x_test=images[1000:1400], y_test=labels[1000:1400])  # fmt: skip
        (folder / "params.yaml").write_text(SECTIONS)
        Laboratory(folder).run()

    return Laboratory(made_once("tracking", make))


@pytest.fixture
def laboratory(finished: Laboratory, tmp_path: Path) -> Laboratory:
    """A copy of one's own, unpublished."""
    shutil.copytree(finished.root, tmp_path / "laboratory")
    return Laboratory(tmp_path / "laboratory")


@pytest.fixture(scope="session")
def published(finished: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """Published once and shared: for tests that only look."""
    root = tmp_path_factory.mktemp("published") / "laboratory"
    shutil.copytree(finished.root, root)
    laboratory = Laboratory(root)
    laboratory.publish()
    return laboratory


@pytest.fixture(autouse=True)
def _stay_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever would be written to the working directory shows up in the test's own."""
    monkeypatch.chdir(tmp_path)
    yield
