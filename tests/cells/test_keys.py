"""The key of a cell: it covers all that decides the content, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import paths
from pipeline.cells import fingerprint, store
from pipeline.cells.cell import Execution
from pipeline.config import loading
from pipeline.run.plan import Plan
from pipeline.training.start import Start

pytestmark = pytest.mark.usefixtures("own_cells")
SECTIONS = """
profile: laptop
profiles:
  laptop: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5}
  paper: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5}
data:
  mine:
    source: mine.npz
    reader: npz
    options: {}
    task: classification
    split: {validation: 0.1}
    budget: {laptop: {epochs: 2}, paper: {epochs: 2}}
recipes:
  quick: {kind: gradient, lr: 0.01}
  same: {kind: gradient, lr: 0.01}
  fit: {kind: fit}
experiments:
  mine_mlp: {data: mine, model: models/mlp, view: none, recipe: quick, args: {hidden: [8]}, set: {}}
  mine_svm: {data: mine, model: classical/svm, view: none, recipe: fit, args: {}, set: {}}
evaluators: {quality: {}}
"""


def test_what_a_profile_says_of_running_reaches_the_cell_and_not_its_key(plan: Any) -> None:
    plain = plan().train("mine_mlp", 0)
    often = plan("cell_minutes: 5", "cell_minutes: 5, devices: 2, checkpoint_seconds: null, checkpoint_epochs: 3")
    cell = often.train("mine_mlp", 0)
    assert cell.execution == Execution(devices=2, checkpoint_seconds=None, checkpoint_epochs=3)
    assert plain.execution == Execution()
    assert cell.key == plain.key and often.train("mine_svm", 0).execution is None


def test_a_folder_of_weights_is_a_cell_by_its_content(plan: Any) -> None:
    folder = paths.ROOT / "weights" / "mine"
    folder.mkdir(parents=True)
    keys = set()
    for content in ("some", "other"):
        (folder / "model.safetensors").write_text(content)
        cell = plan().start(Start(weights="weights/mine"), 0)
        assert (cell.kind, cell.spec.source, cell.spec.card) == ("fetch", "weights/mine", False)
        keys.add(cell.key)
    assert len(keys) == 2


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Parameters -> plan, over prepared data and over a copy of the sources that may be edited."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(fingerprint.PACKAGE, tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path / "pipeline")
    _data(0)

    def plan(before: str = "quick", after: str = "quick") -> Plan:
        assert before in SECTIONS
        (tmp_path / "params.yaml").write_text(SECTIONS.replace(before, after, 1 if before == "set: {}" else -1))
        made = Plan(loading.load(tmp_path / "params.yaml"))
        for cell in (made.fetch("mine"), made.prepare("mine")):
            inputs = {name: str(c.folder) for name, c in cell.inputs.items()}
            store.execute(cell.key, cell.folder, cell.entry, cell.resolved, inputs)
        return made

    return plan


def _data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    np.savez(
        paths.ROOT / "mine.npz",
        x_train=rng.normal(size=(40, 3)),
        y_train=np.arange(40) % 2,
        x_test=rng.normal(size=(10, 3)),
        y_test=np.arange(10) % 2,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lr: 0.01}\n  same", "lr: 0.02}\n  same"),
        ("hidden: [8]", "hidden: [9]"),
        ("threads: 1", "threads: 2"),
        ("precision: 32-true", "precision: bf16-mixed"),
        ("epochs: 2", "epochs: 3"),
        ("epochs: 2", "epochs: 2, samples: 20"),
        ("split: {validation: 0.1}", "split: {validation: 0.3}"),
        ("set: {}", "set: {lr: 0.1}"),
        ("args: {hidden: [8]}", "args: {hidden: [8], dropout: 0.1}"),
        ("kind: gradient, lr", "kind: gradient, sampling: weighted, lr"),
    ],
)
def test_a_parameter_that_matters_changes_the_key(plan: Any, before: str, after: str) -> None:
    assert plan(before, after).train("mine_mlp", 0).key != plan().train("mine_mlp", 0).key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("recipe: quick", "recipe: same"),
        ("seeds: [0]", "seeds: [0, 1]"),
        ("split: {validation: 0.1}", "split: {validation: 0.1}\n    seeds: [0, 1]"),
        ("profile: laptop", "profile: paper"),
        ("cell_minutes: 5", "cell_minutes: 9"),
        ("evaluators: {quality: {}}", "evaluators: {size: {}}"),
        ("validation: 0.1}", "validation: 0.1, seed: 0}"),
        ("kind: gradient, lr", "kind: gradient, optimizer: adamw, lr"),
    ],
)
def test_what_does_not_matter_does_not(plan: Any, before: str, after: str) -> None:
    assert plan(before, after).train("mine_mlp", 0).key == plan().train("mine_mlp", 0).key


def test_a_data_set_has_seeds_of_its_own_or_the_profile_s(plan: Any) -> None:
    own = plan("split: {validation: 0.1}", "split: {validation: 0.1}\n    seeds: [4, 5, 6]")
    for row in ("mine_mlp", "mine_svm"):
        assert [cell.seed for cell in own.experiment(row) if cell.kind == "train"] == [4, 5, 6]
        assert [cell.seed for cell in plan().experiment(row) if cell.kind == "train"] == [0]
    assert own.train("mine_svm", 6).inputs["same"] is own.train("mine_svm", 4)


def test_a_new_evaluator_predicts_nothing_again_and_leaves_the_others_alone(plan: Any) -> None:
    first, both = plan(), plan("{quality: {}}", "{quality: {}, calibration: {bins: 5}}")
    assert both.predict("mine_mlp", 0).key == first.predict("mine_mlp", 0).key
    known, found = first.evaluate("mine_mlp", 0), both.evaluate("mine_mlp", 0)
    assert found["quality"].key == known["quality"].key and set(found) - set(known) == {"calibration"}
    other = plan("{quality: {}}", "{quality: {}, calibration: {bins: 6}}").evaluate("mine_mlp", 0)
    assert other["calibration"].key != found["calibration"].key


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("evaluate/evaluators/quality", {"quality"}),
        ("evaluate/evaluators/size", {"size"}),
        ("evaluate/evaluate", {"quality", "size"}),
        ("evaluate/predict", {"predict", "quality", "size"}),
        ("formats/safetensors", {"predict", "quality", "size"}),
        ("models/mlp", {"predict", "quality", "size"}),
        ("formats/skops", set()),
        ("models/lenet5", set()),
    ],
)
def test_an_edit_makes_again_what_it_can_change(plan: Any, edited: str, changed: set[str]) -> None:
    """A prediction is made again by what it opens; an evaluator, by its own file or by new predictions."""

    def keys() -> dict[str, str]:
        made = plan("{quality: {}}", "{quality: {}, size: {}}")
        cells = {"predict": made.predict("mine_mlp", 0), **made.evaluate("mine_mlp", 0)}
        return {name: cell.key for name, cell in cells.items()}

    before = keys()
    path = fingerprint.PACKAGE / f"{edited}.py"
    path.write_text(path.read_text() + "\nOTHER = 1\n")
    assert {name for name, key in keys().items() if key != before[name]} == changed


def test_a_classical_model_is_predicted_and_evaluated_without_the_code_of_networks(plan: Any) -> None:
    made = plan("{quality: {}}", "{quality: {}, size: {}}")
    cells = [made.predict("mine_svm", 0), made.evaluate("mine_svm", 0)["size"]]
    for cell in cells:
        networks = {"pipeline/training/network.py", "pipeline/formats/safetensors.py", "pipeline/formats/onnx.py"}
        assert not networks & set(cell.resolved["sources"]) and "pipeline/classical/svm.py" in cell.resolved["sources"]


def test_a_seed_and_a_name(plan: Any) -> None:
    made = plan()
    assert made.train("mine_mlp", 0).key != made.train("mine_mlp", 1).key
    assert plan("mine_mlp", "other_name").train("other_name", 0).key == made.train("mine_mlp", 0).key


def test_every_value_of_the_specification_is_in_the_key(plan: Any) -> None:
    """Whichever leaf is changed, the key is another."""
    resolved = plan().train("mine_mlp", 0).resolved
    key, seen = fingerprint.of_json(resolved), 0
    for where in list(_leaves(resolved)):
        changed = json.loads(json.dumps(resolved))
        spot = changed
        for part in where[:-1]:
            spot = spot[part]
        spot[where[-1]] = "something else"
        assert fingerprint.of_json(changed) != key, where
        seen += 1
    assert seen > 25


def _leaves(value: Any, where: tuple[Any, ...] = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    if not isinstance(value, dict | list):
        yield where
    for name, inner in items:
        yield from _leaves(inner, (*where, name))


def test_other_data_under_the_same_path_is_other_data(plan: Any) -> None:
    first = plan().train("mine_mlp", 0).key
    _data(1)
    changed = plan().train("mine_mlp", 0).key
    _data(0)
    assert first != changed and plan().train("mine_mlp", 0).key == first


@pytest.mark.parametrize(
    ("name", "before", "after", "same"),
    [
        ("models/mlp", "pairwise([*shape", "pairwise([*shape, *[]", False),
        ("models/mlp", "Multilayer perceptron", "A multilayer perceptron", True),
        ("models/mlp", "    layers: list", "    # so many\n    layers: list", True),
        ("training/system", "self.history: list", "self.older = 1\n        self.history: list", False),
        ("training/optimizers", "fused=True", "fused=False", False),
        ("data/splits", "np.floor(share)", "np.ceil(share)", False),
        ("tasks/classification", "class Classification", "OTHER = 1\n\n\nclass Classification", False),
        ("data/views", "KINDS =", "OTHER = 1\nKINDS =", False),
        ("models/lenet5", "INPUTS =", "OTHER = 1\nINPUTS =", True),
        ("report/build", "import textwrap", "import textwrap as t", True),
        ("evaluate/evaluate", "import importlib", "import importlib as i", True),
        ("classical/_fit", "MODEL =", "OTHER = 1\nMODEL =", True),
        ("cells/cell", "MARKER =", "OTHER = 1\nMARKER =", True),
    ],
)
def test_the_source_that_is_used_counts(plan: Any, name: str, before: str, after: str, same: bool) -> None:
    first = plan().train("mine_mlp", 0).key
    path = fingerprint.PACKAGE / f"{name}.py"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    assert (plan().train("mine_mlp", 0).key == first) == same


@pytest.mark.parametrize(("edited", "same"), [("flip", False), ("rotation", True)])
def test_an_augmentation_counts_for_the_rows_that_name_it(plan: Any, edited: str, same: bool) -> None:
    flipped = {"set": {"augment": [{"name": "flip"}, {"name": "shift", "pixels": 1}]}}
    first, other = plan().trial("mine_mlp", 0, flipped).key, plan().train("mine_mlp", 0).key
    path = fingerprint.PACKAGE / "data" / "augmentations" / f"{edited}.py"
    path.write_text(path.read_text() + "\nOTHER = 1\n")
    assert (plan().trial("mine_mlp", 0, flipped).key == first) == same
    assert plan().train("mine_mlp", 0).key == other


def test_a_helper_beside_a_model_counts_for_the_models_that_import_it(plan: Any) -> None:
    (fingerprint.PACKAGE / "models" / "_parts.py").write_text("SIZE = 1\n")
    for name in ("mlp", "lenet5"):
        path = fingerprint.PACKAGE / "models" / f"{name}.py"
        path.write_text(path.read_text() + ("\nfrom pipeline.models._parts import SIZE\n" if name == "mlp" else ""))
    first, other = plan().train("mine_mlp", 0).key, plan().train("mine_svm", 0).key
    (fingerprint.PACKAGE / "models" / "_parts.py").write_text("SIZE = 2\n")
    assert plan().train("mine_mlp", 0).key != first and plan().train("mine_svm", 0).key == other
