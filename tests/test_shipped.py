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
from pipeline.data import dataset, ragged, views
from pipeline.data.spec import Vocabulary
from pipeline.introspection import constant

SHIPPED = loading.load(Path(__file__).parents[1] / "params.yaml")


TEXTS = [key for key, row in SHIPPED.experiments.items() if SHIPPED.data[row.data].kind == "tokens"]


@pytest.mark.parametrize("key", TEXTS)
def test_every_experiment_of_text_builds_on_tokens(key: str) -> None:
    """As below, of tokens of a small vocabulary: the corpora are fetched by tests of their own."""
    experiment, rng = SHIPPED.experiments[key], np.random.default_rng(0)
    data, vocabulary, classes = SHIPPED.data[experiment.data], Vocabulary(size=40), 3
    length = SHIPPED.tokenizers[experiment.tokens or data.tokens or ""].length
    x = ragged.of([rng.integers(1, 40, n).tolist() for n in (12, 3, 7, 12, 1, 9)], 0, length)
    target = constant(f"tasks/{data.task}", "TARGET")
    y = torch.arange(len(x)) % classes
    module = importlib.import_module(f"pipeline.{experiment.model.replace('/', '.')}")
    if experiment.model.startswith("classical/"):
        args = {name: 3 if name == "k" else value for name, value in experiment.args.items()}
        seen = views.tfidf(x, np.ones(vocabulary.size, np.float32))
        estimator = module.fit(module.build(target, 0, None, **args), (seen, y.numpy()), (seen, y.numpy()))
        assert module.scores(estimator, seen).shape == (len(y), classes)
        return
    torch.manual_seed(0)
    tokens = torch.from_numpy(x[:]).long()
    if experiment.view == "tfidf":
        network, tokens = (
            module.build((vocabulary.size,), classes, **experiment.args),
            torch.rand(len(x), vocabulary.size),
        )
    else:
        classes = vocabulary.size if target == "sentence" else classes
        network = module.build((length,), classes, vocabulary, **experiment.args)
    if target == "tags":
        y = torch.where(tokens == 0, dataset.IGNORED, tokens % classes)
    if target == "sentence":
        y = torch.where(tokens == 0, dataset.IGNORED, tokens)
    scores = network(tokens, tokens) if target == "sentence" else network(tokens)
    assert scores.shape == (*y.shape, classes) and scores.isfinite().all()
    own = hasattr(network, "training_loss")
    loss = (
        network.training_loss(tokens, y)[0] if own else nn.functional.cross_entropy(scores.flatten(0, -2), y.flatten())
    )
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("key", [key for key in SHIPPED.experiments if key not in TEXTS])
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
