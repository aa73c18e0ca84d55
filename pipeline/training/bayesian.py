"""A variational last layer: a distribution over the weights of a network's last dense layer instead of one value.

Blundell, Cornebise, Kavukcuoglu, Wierstra (2015): Weight uncertainty in neural networks, with a factorised normal
posterior and a standard normal prior, whose divergence is known in closed form; noise is drawn for outputs instead of
weights (Kingma, Salimans, Welling 2015: Variational dropout and the local reparameterization trick).

Of numbers, the squared error as a likelihood is normal noise of variance 1/2 on the standardised target: assumed, not
learnt. The spread of a prediction is that of the weights, without this noise.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DRAWS = 64  # of the predictive mean; fixed ones, the same for every item, so that a prediction can be repeated
START = -5.0  # logarithm of the weights' deviation, small against a dense layer's usual start


class BayesianLinear(nn.Module):
    """(N, D) to (N, K). In training, outputs of weights drawn for each item; in use, the mean prediction.

    For K classes that is the logarithm of the mean of the drawn probabilities, for one number the mean itself.
    """

    draws: Tensor

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        self.log_deviation = nn.Parameter(torch.full_like(plain.weight, START))
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("draws", torch.randn(DRAWS, plain.out_features, generator=generator), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = self.outputs(x)
        if self.training:
            return mean + deviation * torch.randn_like(mean)
        if mean.shape[1] == 1:
            return mean
        drawn = (mean.unsqueeze(1) + deviation.unsqueeze(1) * self.draws).log_softmax(dim=2)
        return drawn.logsumexp(dim=1) - torch.log(torch.tensor(float(DRAWS)))

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, standard deviation), each (N, K), of the outputs under the posterior: the spread of a prediction."""
        variance = functional.linear(x.square(), (2 * self.log_deviation).exp())
        # In half precision the bound would be 0, where the root has no slope.
        return functional.linear(x, self.weight, self.bias), variance.float().clamp_min(1e-12).sqrt()

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence of the posterior from the standard normal prior, in nats."""
        variance = (2 * self.log_deviation).exp()
        return 0.5 * (variance + self.weight.square() - 1.0 - 2 * self.log_deviation).sum()


def with_bayesian_last_layer(body: nn.Module, outputs: int) -> nn.Module:
    """`body` with its last dense layer of `outputs` units made Bayesian; ValueError where it does not end with one."""
    *_, (name, last) = body.named_modules()
    if type(last) is not nn.Linear or last.out_features != outputs:
        raise ValueError(
            f"last_layer 'bayesian' needs a network that ends with a dense layer of {outputs} units; "
            f"this one ends with {type(last).__name__}"
        )
    if not name:
        return BayesianLinear(last)
    parent, _, child = name.rpartition(".")
    setattr(body.get_submodule(parent), child, BayesianLinear(last))
    return body


def divergence(body: nn.Module) -> Any:
    """Sum over the Bayesian layers of a network, 0 where it has none."""
    return sum(module.divergence() for module in body.modules() if isinstance(module, BayesianLinear))
