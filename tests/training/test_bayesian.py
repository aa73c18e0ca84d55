"""The variational last layer against what can be computed in closed form or by brute force."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from pipeline.cells.cell import read_json
from pipeline.models import capsnet_small, lenet5, mlp
from pipeline.training import network as networks
from pipeline.training.bayesian import BayesianLinear, divergence, with_bayesian_last_layer
from tests.laboratory import Laboratory


def layer(inputs: int = 5, outputs: int = 3) -> BayesianLinear:
    torch.manual_seed(0)
    made = BayesianLinear(nn.Linear(inputs, outputs))
    made.log_deviation.data.uniform_(-2.0, 0.0)
    return made


def test_outputs_have_the_moments_of_drawn_weights() -> None:
    made, x = layer(), torch.randn(4, 5)
    drawn = made.weight + made.log_deviation.exp() * torch.randn(20_000, 3, 5)
    outputs = torch.einsum("ni,soi->sno", x, drawn) + made.bias
    mean, deviation = made.outputs(x)
    torch.testing.assert_close(outputs.mean(0), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(outputs.std(0), deviation, atol=0.05, rtol=0.05)


def test_the_predictive_mean_is_the_mean_of_probabilities() -> None:
    made, x = layer().eval(), torch.randn(4, 5)
    found = made(x).exp()
    torch.testing.assert_close(found.sum(1), torch.ones(4))
    mean, deviation = made.outputs(x)
    drawn = (mean + deviation * made.draws[:, None]).softmax(2).mean(0)
    torch.testing.assert_close(found, drawn)
    many = (mean + deviation * torch.randn(50_000, 4, 3)).softmax(2)
    assert ((found - many.mean(0)).abs() < 4 * many.std(0) / len(made.draws) ** 0.5).all()
    assert torch.equal(made(x), made(x)) and not torch.equal(made.train()(x), made(x))


def test_of_one_number_the_predictive_mean_is_the_mean() -> None:
    made, x = layer(outputs=1).eval(), torch.randn(4, 5)
    assert torch.equal(made(x), made.outputs(x)[0])


def test_the_divergence_is_torch_s() -> None:
    made = layer()
    posterior = Normal(made.weight, made.log_deviation.exp())
    torch.testing.assert_close(divergence(nn.Sequential(made)), kl_divergence(posterior, Normal(0.0, 1.0)).sum())


@pytest.mark.parametrize("body", [lenet5.build((1, 28, 28), 10), mlp.build((7,), 10)], ids=["lenet5", "mlp"])
def test_any_network_with_a_dense_end_takes_it(body: nn.Module) -> None:
    before = sum(p.numel() for p in body.parameters())
    found = with_bayesian_last_layer(body, 10)
    last: Any = [m for m in found.modules() if isinstance(m, BayesianLinear)]
    assert len(last) == 1 and sum(p.numel() for p in found.parameters()) == before + last[0].weight.numel()


def test_a_network_without_a_dense_end_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a network that ends with a dense layer of 10 units"):
        with_bayesian_last_layer(capsnet_small.build((1, 28, 28), 10), 10)


def test_a_cell_trains_keeps_and_reads_it(laboratory: Laboratory) -> None:
    plain = laboratory.train("digits_mlp", args={"hidden": [16]})
    folder = laboratory.train("digits_mlp", args={"hidden": [16]}, last_layer="bayesian", weight_decay=0.0)
    found, known = (read_json(f / "result.json") for f in (folder, plain))
    assert found["status"] == "ok" and found["parameters"] == known["parameters"] + 160
    network = networks.load_network(folder)
    assert network.probabilistic and isinstance(network.body[-1], BayesianLinear)  # type: ignore[index]
    values = {(s, m): v for s, m, v in laboratory.evaluate(folder)["values"]}
    assert 0 < values["test", "ece"] < 1 and values["test", "accuracy"] > 0.3
