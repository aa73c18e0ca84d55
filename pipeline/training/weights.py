"""Which parameters of a network are weights of units: those of dense, convolutional and recurrent layers.

Not among them are biases, norms, tables of embeddings and positions, the deviations of a Bayesian layer, and what an
architecture has of its own kind, such as the votes of capsules.
"""

from collections.abc import Iterator

from torch import nn

from pipeline.training.bayesian import BayesianLinear

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | BayesianLinear | nn.RNNBase


def layers(body: nn.Module) -> Iterator[tuple[Layer, list[nn.Parameter]]]:
    """Each layer and its weights (units, ...), whose rows are what comes into a unit; a recurrent layer has several."""
    for module in body.modules():
        if isinstance(module, nn.RNNBase):
            yield module, [p for name, p in module.named_parameters() if name.startswith("weight_")]
        elif isinstance(module, Layer):
            yield module, [module.get_parameter("weight")]
