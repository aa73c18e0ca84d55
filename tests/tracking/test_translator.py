"""A registered translator stands alone: strings in, strings out, the same as were judged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from pipeline.cells import store
from pipeline.cells.cell import read_json
from pipeline.formats.model import open_model
from pipeline.tracking import loader, models
from pipeline.tracking.records import Roots
from tests.data import pairs
from tests.training.test_translation import train

ASKED = ["five four one", "two"]


@pytest.fixture(scope="module")
def version(made_once: Callable[..., Path]) -> Path:
    """Beside it, the cell that it is made of."""

    def make(folder: Path) -> None:
        data = pairs.prepared(folder)
        store.seal(data, "0" * 32)
        cell, target = train(folder / "cell", "transformer", data, epochs=4), folder / "version"
        target.mkdir()
        result = read_json(cell / "result.json")
        line = {"name": "counting-transformer", "version": 1, "artifact_hash": result["weights_hash"]}
        models.build(target, line, cell, Roots(folder), Model())

    return made_once("translator", make) / "version"


def test_strings_become_the_strings_that_were_judged(version: Path) -> None:
    model = loader.load(version)
    wanted = open_model(version.parent / "cell", 1).texts(loader.raw_items(ASKED, model.facts, version))  # type: ignore[arg-type]
    assert model.predict(ASKED) == wanted and all(word in pairs.FRENCH for word in wanted[0].split())
    assert model.predict(ASKED[1:]) == wanted[1:]


def test_it_searches_as_the_row_that_was_judged(tmp_path: Path) -> None:
    data = pairs.prepared(tmp_path)
    store.seal(data, "0" * 32)
    asked = read_json(data / "sentences.json")["validation"]
    cell, target = train(tmp_path / "cell", "transformer", data, 1, {"beams": 1}), tmp_path / "version"
    target.mkdir()
    line = {
        "name": "counting-transformer",
        "version": 1,
        "artifact_hash": read_json(cell / "result.json")["weights_hash"],
    }
    models.build(target, line, cell, Roots(tmp_path), Model())
    model, judged = loader.load(target), open_model(cell, 1)
    sources = [source for source, _ in asked]
    x = loader.raw_items(sources, model.facts, target)
    found = model.predict(sources)
    assert found == judged.texts(x, beams=1, alpha=0.0) != judged.texts(x, beams=4, alpha=0.6)  # type: ignore[arg-type]


def test_mlflow_knows_it_as_a_model_of_strings(version: Path) -> None:
    model = pyfunc.load_model(str(version))
    assert model.predict(pd.DataFrame({"text": ASKED})) == loader.load(version).predict(ASKED)
    assert [column.type.name for column in model.metadata.get_input_schema().inputs] == ["string"]
    assert [column.type.name for column in model.metadata.get_output_schema().inputs] == ["string"]
    assert model.metadata.metadata["output"] == "texts"
    assert "tokenizers==" in (version / "requirements.txt").read_text()


def test_what_is_no_text_is_refused(version: Path) -> None:
    for wrong, said in (([3], "item 0 .* is 3; allowed are texts"), ([" "], "has no token"), ([], "at least one")):
        with pytest.raises(MlflowException, match=said):
            loader.load(version).predict(np.array(wrong, object))
