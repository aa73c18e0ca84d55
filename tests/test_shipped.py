"""Every row of the profile that is shipped fits its data."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.config import loading
from pipeline.data import views
from pipeline.introspection import constant

SHIPPED = loading.load(Path(__file__).parents[1] / "params.yaml")


@pytest.mark.parametrize("key", SHIPPED.experiments)
def test_every_experiment_that_is_shipped_builds_on_its_data(key: str, sample: Any) -> None:
    """Shapes fit, no NaN, every parameter of a network gets a gradient."""
    experiment = SHIPPED.experiments[key]
    x, y, classes = sample(experiment.data)
    data = SHIPPED.data[experiment.data]
    low, high = np.nanmin(x), np.nanmax(x)
    seen = views.VIEWS[experiment.view](torch.from_numpy((x.astype(np.float32) - low) / (high - low)))
    assert views.kind(experiment.view, data.kind) in constant(experiment.model, "INPUTS")
    assert views.shape(experiment.view, x.shape[1:]) == tuple(seen.shape[1:])
    module = importlib.import_module(f"pipeline.{experiment.model.replace('/', '.')}")
    if experiment.model.startswith("models/"):
        _network_contract(module, seen, torch.from_numpy(y), classes, experiment.args)
    else:
        target = constant(f"tasks/{data.task}", "TARGET")
        estimator = module.fit(module.build(target, 0, None, **experiment.args), (seen.numpy(), y), (seen.numpy(), y))
        assert module.scores(estimator, seen.numpy()).shape == (len(y), classes or 1)


def _network_contract(module: ModuleType, x: torch.Tensor, y: torch.Tensor, classes: int, args: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network: nn.Module = module.build(tuple(x.shape[1:]), classes or 1, **args)
    scores = network(x)
    assert scores.shape == (len(x), classes or 1) and scores.dtype == torch.float32
    assert scores.isfinite().all()
    if hasattr(network, "training_loss"):
        loss = network.training_loss(x, y)[0]  # type: ignore[operator]
    else:
        loss = nn.functional.cross_entropy(scores, y) if classes else (scores[:, 0] - y).square().mean()
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
