"""What MLflow is told of a model's input and output: a signature, and an example that is a request.

Items are a tensor; rows of a table with named columns are columns of numbers and words, since MLflow takes no tensor
beside them. A column that may be null is not required.
"""

import json
from pathlib import Path

import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array

from pipeline.cells.cell import read_json
from pipeline.data.dataset import SAMPLES
from pipeline.data.items import rows
from pipeline.data.kinds import KINDS
from pipeline.data.spec import Facts
from pipeline.tracking.records import Roots

NUMBERS = np.dtype("float32")
TEXT = "text"  # the one column of a request to a model of text


def of(facts: Facts) -> ModelSignature:
    """Of raw items or rows to scores (N, K), of texts also to a tag for each word or to a text."""
    scores = Schema([TensorSpec(NUMBERS, (-1, len(facts.classes) or 1))])
    if facts.vocabulary:
        answers = scores
        if facts.aligned or facts.writes:
            answers = Schema([ColSpec(Array(DataType.string) if facts.aligned else DataType.string)])
        return ModelSignature(Schema([ColSpec("string", TEXT)]), answers)
    if facts.columns is None:
        return ModelSignature(Schema([TensorSpec(NUMBERS, (-1, *facts.shape))]), scores)
    imputed = facts.imputed or [None] * len(facts.columns)
    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string" if column.names else "double", column.name, required=value is None)
        for column, value in zip(facts.columns, imputed, strict=True)
    ]
    return ModelSignature(Schema(columns), scores)


def example(data: str, facts: Facts, roots: Roots) -> np.ndarray:
    """The first test item, raw, float32 (1, ...), or its text (1,); zeros where the data are not here.

    Of padded kinds one without padding if there is any, and the padding as zeros if not: NaN is no JSON.
    """
    if facts.vocabulary:
        samples = roots.prepared(data) / SAMPLES
        return np.array([read_json(samples)["test"] if samples.is_file() else "a text"], object)
    path = roots.prepared(data) / "x_test.npy"
    if not path.is_file():
        return np.zeros((1, *facts.shape), np.float32)
    items = np.load(path, mmap_mode="r", allow_pickle=False)
    padded = KINDS[facts.kind].padded
    whole = int((~np.isnan(items).reshape(len(items), -1).any(axis=1)).argmax()) if padded else 0
    return np.nan_to_num(np.array(items[whole : whole + 1], dtype=np.float32))


def write_example(target: Path, model: Model, item: np.ndarray, facts: Facts) -> None:
    """In MLflow's form: the UI shows it, and `curl -d @serving_input_example.json` asks a server with it."""
    if facts.vocabulary:
        form = {"type": "dataframe", "pandas_orient": "split"}
        shown, asked = {"columns": [TEXT], "data": [item.tolist()]}, {"dataframe_records": [{TEXT: item[0]}]}
    elif facts.columns is None:
        form = {"type": "ndarray", "format": "tf-serving"}
        shown, asked = item.tolist(), {"inputs": item.tolist()}
    else:
        form = {"type": "dataframe", "pandas_orient": "split"}
        records = rows(item, facts.columns)
        shown = {"columns": list(records[0]), "data": [list(row.values()) for row in records]}
        asked = {"dataframe_records": records}
    (target / "input_example.json").write_text(json.dumps(shown))
    (target / "serving_input_example.json").write_text(json.dumps(asked))
    paths = {"artifact_path": "input_example.json", "serving_input_path": "serving_input_example.json"}
    model.saved_input_example_info = form | paths
