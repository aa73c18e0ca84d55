"""Networks of texts in 8 bits: what becomes small, and whatever way ranges are found, the answers stay."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.compress.methods import static_int8
from pipeline.data import dataset
from pipeline.data.spec import Budget
from pipeline.formats.model import open_model

INT8 = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}


def exported(texts: Path, row: str) -> Path:
    return texts / "artifacts" / "laptop" / "compress" / f"{row}_int8" / "seed0" / "1_onnx"


@pytest.mark.parametrize("calibration", ["minmax", "entropy", "percentile"])
def test_every_way_to_find_ranges_takes_texts(texts: Path, tmp_path: Path, calibration: Any) -> None:
    source = exported(texts, "news_cnn")
    data = dataset.load(texts / "data" / "prepared" / "news", Budget(epochs=1), 0, ("train", "test"))
    static_int8.apply(source, tmp_path, data, 0, 1, calibration_samples=32, calibration=calibration)
    (tmp_path / "result.json").write_bytes((source / "result.json").read_bytes())
    before, after = (open_model(folder, 1).scores(data.x["test"]) for folder in (source, tmp_path))
    assert np.abs(before - after).max() < 0.3 * np.abs(before).max()
    assert (before.argmax(1) == after.argmax(1)).mean() > 0.9


def test_the_table_of_tokens_is_small_and_a_recurrent_layer_is_not(texts: Path) -> None:
    for row, layers in (("news_cnn", 0), ("news_lstm", 2), ("treebank_lstm", 2)):
        graph = onnx.load(exported(texts, row).parent / "2_static_int8" / "model.onnx").graph
        kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
        assert kinds["body.embedding.table.weight_quantized"] in INT8 and "body.embedding.table.weight" not in kinds
        recurrent = [kinds[name] for node in graph.node if node.op_type == "LSTM" for name in node.input[1:3]]
        assert recurrent == [onnx.TensorProto.FLOAT] * 2 * layers
