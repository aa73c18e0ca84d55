"""On a GPU: mixed precision trains, and a cell says what it ran on."""

import pytest
import torch

from pipeline.cells import read_json
from tests.laboratory import Laboratory


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_network_trains_on_a_gpu(laboratory: Laboratory, precision: str) -> None:
    budget = {"samples": None, "validation": None, "epochs": 6}
    folder = laboratory.train("digits_cnn", precision=precision, budget=budget)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85
    assert torch.cuda.get_device_name() in read_json(folder / "costs.json")["hardware"]
