"""A registered version answers on its own, as the model that was evaluated, and refuses what it is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.formats.model import open_model
from pipeline.tracking import ENVIRONMENT
from pipeline.tracking.commands import LocatorError, load, serve_command
from pipeline.tracking.models import REQUIREMENTS
from pipeline.tracking.records import StoreError
from pipeline.tracking.store import address
from pipeline.training.network import load_network, weights_hash
from tests.tracking.conftest import Laboratory
from tests.tracking.servers import ask, refusal, serving

# Two versions of one name and a third model, in one process that has no checkout.
ELSEWHERE = """
import json, sys
import mlflow, numpy as np
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in json.loads(sys.argv[2]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
x = np.load(sys.argv[1])[:20].astype(np.float32)
answers = {}
for locator in sys.argv[3:]:
    model = mlflow.pyfunc.load_model(f"models:/{locator}")
    answers[locator] = model.predict(x).tolist()
    assert np.array_equal(model.predict(model.input_example), model.predict(x[:1]))
print(json.dumps(answers))
"""


def elsewhere(laboratory: Laboratory, place: Path, *locators: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Scores of the first 20 test items by locator, on a machine `without` some modules."""
    settings = ENVIRONMENT | {"MLFLOW_TRACKING_URI": address(laboratory.roots.store), "PATH": "/usr/bin:/bin"}
    items = laboratory.roots.prepared("shapes") / "x_test.npy"
    command = [sys.executable, "-c", ELSEWHERE, str(items), json.dumps(without), *locators]
    done = subprocess.run(command, cwd=place, env=settings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def expected(laboratory: Laboratory, key: str, seed: str) -> np.ndarray:
    """What the project's own evaluation saw."""
    folder = laboratory.shown(key) / f"seed{seed}"
    folder = folder if (folder / "cell.json").is_file() else max(folder.iterdir())  # of a chain the last step
    x = np.load(laboratory.roots.prepared("shapes") / "x_test.npy")[:20]
    return open_model(folder, 1).scores(x)


def seed_of(folder: Path) -> str:
    return str(json.loads((folder / "spec.json").read_text())["seed"])


def test_every_kind_answers_as_it_was_evaluated(published: Laboratory, tmp_path: Path) -> None:
    keys = {"shapes-mlp@laptop_champion": "shapes_mlp", "shapes-mlp/2": "shapes_mlp_int8", "shapes-svm/1": "shapes_svm"}
    found = elsewhere(published, tmp_path, *keys)
    for locator, key in keys.items():
        wanted = expected(published, key, seed_of(load(locator, published.roots)))
        np.testing.assert_allclose(found[locator], wanted, rtol=1e-5, atol=1e-5)
        assert (np.argmax(found[locator], 1) == wanted.argmax(1)).all()


def test_models_of_numbers_answer_in_the_target_s_own_units(laboratory: Laboratory, tmp_path: Path) -> None:
    """Digits as amounts from 0 to 9: a network, its quantized form and a classical model."""
    laboratory.edit("task: classification", "task: regression")
    laboratory.run("shapes_mlp", "shapes_svm")
    laboratory.publish()
    keys = {"shapes-mlp/1": "shapes_mlp", "shapes-mlp/2": "shapes_mlp_int8", "shapes-svm/1": "shapes_svm"}
    found = elsewhere(laboratory, tmp_path, *keys)
    truth = np.load(laboratory.roots.prepared("shapes") / "y_test.npy")[:20]
    for locator, key in keys.items():
        answers = np.asarray(found[locator])
        wanted = expected(laboratory, key, seed_of(load(locator, laboratory.roots)))
        np.testing.assert_allclose(answers, wanted, rtol=1e-4, atol=1e-4)
        assert answers.shape == (20, 1) and np.abs(answers[:, 0] - truth).mean() < 2.5


@pytest.mark.parametrize("locator, file", [("shapes-mlp/1", "weights.safetensors"), ("shapes-mlp/2", "model.onnx"),
                                           ("shapes-svm/1", "model.skops")])  # fmt: skip
def test_requirements_are_pinned_and_enough(published: Laboratory, tmp_path: Path, locator: str, file: str) -> None:
    given = (load(locator, published.roots) / "requirements.txt").read_text().split()
    assert all(line.count("==") == 1 for line in given)
    assert [line.partition("==")[0] for line in given] == REQUIREMENTS[file]
    ours = {"torch", "pytorch_lightning", "sklearn", "skops", "onnx", "onnxruntime", "safetensors", "ruamel"}
    promised = {name.replace("scikit-learn", "sklearn") for name in REQUIREMENTS[file]}
    assert elsewhere(published, tmp_path, locator, without=tuple(ours - promised))[locator]


def test_a_folder_loads_without_mlflow(published: Laboratory) -> None:
    folder = load("shapes-mlp@laptop_champion", published.roots)
    network = load_network(folder)
    result = json.loads((folder / "result.json").read_text())
    assert weights_hash(dict(network.state_dict())) == result["weights_hash"]
    assert load("shapes-mlp/1", published.roots) == folder


def test_nothing_pickled_is_stored(published: Laboratory) -> None:
    stored = [p for p in (published.roots.store / "artifacts").rglob("*") if p.is_file()]
    assert {p.suffix for p in stored} <= {"", ".json", ".csv", ".png", ".html", ".py", ".txt", ".yaml", ".safetensors",
                                          ".skops", ".onnx", ".pyc"}  # fmt: skip


def test_a_locator_that_leads_nowhere_lists_what_there_is(published: Laboratory, tmp_path: Path) -> None:
    aliases = "has versions 1 to 2 and aliases @laptop_champion = 1, @laptop_fastest = [12], @laptop_smallest = 2"
    for wrong in ("shapes-mlp@paper_champion", "shapes-mlp/3"):
        with pytest.raises(LocatorError, match=aliases):
            load(wrong, published.roots)
    for wrong in ("shapes-nlp/1", "shapes-mlp", "shapes-mlp/latest", ""):
        with pytest.raises(LocatorError, match="shapes-mlp"):
            load(wrong, published.roots)
    with pytest.raises(StoreError, match="no registry in .*: `make repro` makes it"):
        load("shapes-mlp/1", Laboratory(tmp_path).roots)


def test_changed_weights_are_not_loaded(laboratory: Laboratory, tmp_path: Path) -> None:
    laboratory.publish()
    file = load("shapes-mlp/1", laboratory.roots) / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="was changed and is not loaded"):
        load("shapes-mlp/1", laboratory.roots)
    with pytest.raises(AssertionError, match="was changed and is not loaded"):
        elsewhere(laboratory, tmp_path, "shapes-mlp/1")
    card = file.with_name("registry.json")
    import hashlib

    card.write_text(json.dumps(json.loads(card.read_text()) | {"file_sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(ValueError, match="holds other weights than the registry says"):
        load("shapes-mlp/1", laboratory.roots)


@pytest.mark.slow
def test_a_server_answers_with_the_networks_own_class(published: Laboratory) -> None:
    """`mlflow models serve`, started in the project's folder, where `mlflow/` is the store."""
    item = np.load(published.roots.prepared("shapes") / "x_test.npy")[7:8]
    folder = load("shapes-mlp@laptop_champion", published.roots)
    wanted = expected(published, "shapes_mlp", seed_of(folder))[7]
    with serving(lambda port: serve_command("shapes-mlp@laptop_champion", port, published.roots), "/ping",
                 published.root) as url:  # fmt: skip
        [answer] = ask(f"{url}/invocations", {"inputs": item.tolist()})["predictions"]
        np.testing.assert_allclose(answer, wanted, rtol=1e-5, atol=1e-5)
        assert np.argmax(answer) == wanted.argmax()
        for pixel, said in (
            (None, "item 0 (the first is 0), value [0, 2, 3] of (C, H, W): null or NaN; allowed are numbers from 0 to"),
            (float("nan"), "null or NaN; allowed are numbers from 0 to 255"),
            (float("inf"), "[0, 2, 3] of (C, H, W): inf; allowed are numbers from 0 to 255"),
            (-1, "-1; allowed"),
            (256, "256; allowed"),
            ("white", "could not convert string to float: 'white'"),
        ):
            asked = item.tolist()
            asked[0][0][2][3] = pixel
            assert said in refusal(f"{url}/invocations", {"inputs": asked})
        assert "Failed to enforce schema of data '[]'" in refusal(f"{url}/invocations", {"inputs": []})
        assert "Shape of input (1, 8, 8)" in refusal(f"{url}/invocations", {"inputs": item[0].tolist()})
        example = json.loads((folder / "serving_input_example.json").read_text())
        assert np.shape(ask(f"{url}/invocations", example)["predictions"]) == (1, 10)
