"""What keeps weights small or gradients bounded beside an optimizer's own decay: each costs nothing where it is off.

Weights are parameters of two dimensions or more: neither biases nor norms.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.training.recipe import Gradient
from pipeline.training.weights import layers


class Regularizer:
    """The penalties and projections that a recipe asks for, on the weights of `body`."""

    def __init__(self, body: nn.Module, recipe: Gradient) -> None:
        proximal = recipe.l1_form == "proximal"
        self.l1, self.threshold = (0.0, recipe.l1) if proximal else (recipe.l1, 0.0)
        self.l2, self.max_norm = recipe.l2, recipe.max_norm
        self.weights = [p for p in body.parameters() if p.ndim > 1]
        self.incoming = [p for _, weights in layers(body) for p in weights]

    def penalty(self) -> Tensor | None:
        """l1 times the sum of absolute weights plus l2 / 2 times that of their squares; None where both are 0.

        Once an update, however many forward passes its batch is cut into.
        """
        terms = [self.l1 * weight.abs().sum() for weight in self.weights] if self.l1 else []
        terms += [self.l2 / 2 * weight.square().sum() for weight in self.weights] if self.l2 else []
        return torch.stack(terms).sum() if terms else None

    def project(self, lr: float) -> None:
        """After an optimizer's step of rate `lr`: the proximal step of l1, then the largest norm.

        The proximal step is soft thresholding by lr * l1 (Parikh & Boyd 2014, section 6.5.2), which is exact for sgd;
        adaptive optimizers scale their steps, but not this threshold. The norm is that of a unit's row in a dense,
        convolutional or recurrent weight; embeddings and positions have none.
        """
        if not self.threshold and self.max_norm is None:
            return
        with torch.no_grad():
            if self.threshold:
                for weight in self.weights:
                    weight.copy_(functional.softshrink(weight, lr * self.threshold))
            if self.max_norm is not None:
                for weight in self.incoming:
                    weight.renorm_(2, 0, self.max_norm)


def clip(parameters: Sequence[nn.Parameter], recipe: Gradient) -> None:
    """Bound the gradients by value, then by global norm, as the recipe says.

    Scaled gradients (16-mixed) have to be unscaled before. The norm is summed in the order of `parameters`.
    """
    if recipe.gradient_clip_value is not None:
        nn.utils.clip_grad_value_(parameters, recipe.gradient_clip_value)
    if recipe.gradient_clip is not None:
        nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
