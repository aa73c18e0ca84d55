"""The start of a network's weights where a recipe names one; what `weights.layers` leaves out keeps its own."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pipeline.training.weights import layers

INITIALISATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    # Glorot & Bengio 2010, equation 16: variance 2 / (fan in + fan out).
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    # He et al. 2015, equation 10: variance 2 / fan in, for rectified linear units.
    "kaiming_uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "kaiming_normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    # Saxe et al. 2014: rows (or columns, if they are fewer) of length 1 at right angles.
    "orthogonal": nn.init.orthogonal_,
    # Devlin et al. 2019, in their code, for Transformers: deviation 0.02, cut at two of it.
    "truncated_normal": partial(nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04),
}


@torch.no_grad()
def apply(body: nn.Module, how: str) -> None:
    """Weights of every layer by `how`, biases 0; `default` leaves the network as it was made.

    Each gate's block of a recurrent matrix starts on its own. Recurrent layers keep their biases: they are 0 from the
    architecture already, but for the forget gate's, which is an argument of `lstm` (Gers et al. 2000).
    """
    if how == "default":
        return
    for layer, weights in layers(body):
        for weight in weights:
            blocks = weight.split(layer.hidden_size) if isinstance(layer, nn.RNNBase) else [weight]
            for block in blocks:
                # Drawn in the usual order of memory: equal weights whether images are channels last or not.
                block.copy_(INITIALISATIONS[how](torch.empty_like(block, memory_format=torch.contiguous_format)))
        if not isinstance(layer, nn.RNNBase) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
