"""The multilayer perceptron against scikit-learn's, with copied weights."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch import nn
from torch.nn import functional

from pipeline.models import mlp

ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


def with_weights_of(estimator: Any, shape: int, outputs: int, activation: Any, head: Any = "linear") -> nn.Module:
    network = mlp.build((shape,), outputs, hidden=[7, 5], activation=activation, head=head).double().eval()
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    for layer, weight, bias in zip(layers, estimator.coefs_, estimator.intercepts_, strict=True):
        layer.weight.data, layer.bias.data = torch.from_numpy(weight.T), torch.from_numpy(bias)
    return network


def fitted(kind: Any, x: np.ndarray, y: np.ndarray, activation: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(hidden_layer_sizes=(7, 5), activation=activation, max_iter=20, random_state=0).fit(x, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_probabilities_are_scikit_learn_s(activation: str) -> None:
    x, y = load_iris(return_X_y=True)
    estimator = fitted(MLPClassifier, x, y, activation)
    with torch.no_grad():
        found = with_weights_of(estimator, 4, 3, ACTIVATIONS[activation])(torch.from_numpy(x)).softmax(1)
    np.testing.assert_allclose(found.numpy(), estimator.predict_proba(x), atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_sigmoid_head_is_scikit_learn_s_logistic_output_and_its_loss_the_binary_one(activation: str) -> None:
    x, y = load_iris(return_X_y=True)
    x, y = x[50:, 2:], y[50:] - 1
    estimator = fitted(MLPClassifier, x, y, activation)
    network = with_weights_of(estimator, 2, 2, ACTIVATIONS[activation], "sigmoid")
    logits = network(torch.from_numpy(x))
    np.testing.assert_allclose(logits.softmax(1).detach().numpy(), estimator.predict_proba(x), atol=1e-12)
    binary = functional.binary_cross_entropy(
        torch.from_numpy(estimator.predict_proba(x)[:, 1]), torch.tensor(y).double()
    )
    torch.testing.assert_close(functional.cross_entropy(logits, torch.tensor(y)), binary)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_regression_is_scikit_learn_s(activation: str) -> None:
    x, y = load_diabetes(return_X_y=True)
    estimator = fitted(MLPRegressor, x, y, activation)
    with torch.no_grad():
        found = with_weights_of(estimator, 10, 1, ACTIVATIONS[activation])(torch.from_numpy(x))
    np.testing.assert_allclose(found[:, 0].numpy(), estimator.predict(x), rtol=1e-9)


def test_layers_stand_in_the_usual_order() -> None:
    network: Any = mlp.build((4,), 3, hidden=[8, 6], batch_norm=True, dropout=0.5, activation="gelu")
    block = ["Linear", "BatchNorm1d", "GELU", "Dropout"]
    assert [type(layer).__name__ for layer in network] == [*block, *block, "Linear"]


def test_a_sigmoid_head_wants_two_classes() -> None:
    with pytest.raises(ValueError, match="decides between 2 classes, not 3"):
        mlp.build((4,), 3, head="sigmoid")
