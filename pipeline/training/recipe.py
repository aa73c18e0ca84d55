"""How a model is trained: the `recipes` section of params.yaml.

Everything here is light to import; `pipeline.training.optimizers` turns it into torch objects.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from pipeline.signature import Strict


class Preprocessing(Strict):
    """What every trained thing shares, network or classical.

    scaling: of inputs, with statistics of the training split. `unit` maps its range to [0, 1], `standardise` its mean
    and standard deviation to 0 and 1 (by channel for images, by column for tables).
    sampling: against imbalance. `weighted` weighs each class in the loss by the inverse of its frequency, `balanced`
    draws every class equally often.
    """

    scaling: Literal["none", "unit", "standardise"] = "standardise"
    sampling: Literal["none", "weighted", "balanced"] = "none"


class Fit(Preprocessing):
    """A classical model: its own solver does the rest."""

    kind: Literal["fit"]


class Gradient(Preprocessing):
    """A network. Defaults are those of the small-budget trials on Fashion-MNIST."""

    kind: Literal["gradient"]
    # The global batch: the number of devices never changes it.
    batch_size: Annotated[int, Field(ge=1)] = 64
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 2e-3
    # Only sgd has one; Nesterov's form (Sutskever et al. 2013).
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Decoupled for adamw, an L2 penalty for sgd and adam.
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    # Of the learning rate, stepped by update. one_cycle: Smith & Topin 2018; cosine: Loshchilov & Hutter 2017.
    schedule: Literal["constant", "cosine", "one_cycle"] = "one_cycle"
    # Share of all updates spent rising to `lr`, for one_cycle.
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.25
    # Largest global norm of the gradient; null does not clip.
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Memory order of images, (N, H, W, C) or (N, C, H, W); null: as the architecture asks, which was measured.
    channels_last: bool | None = None
    # torch.compile makes one graph of forward and backward pass: half a minute at first, then faster steps; for long
    # runs.
    compile: bool = False
    # bayesian: a distribution over the last dense layer's weights, trained by variational inference.
    last_layer: Literal["plain", "bayesian"] = "plain"

    @model_validator(mode="after")
    def _possible(self) -> "Gradient":
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum {self.momentum} has no meaning for {self.optimizer}; use sgd or momentum 0.0")
        if self.schedule == "one_cycle" and not self.warmup:
            raise ValueError("schedule one_cycle needs a warmup above 0; use cosine for none")
        return self


Recipe = Annotated[Gradient | Fit, Field(discriminator="kind")]
_adapter: TypeAdapter[Gradient | Fit] = TypeAdapter(Recipe)


def resolve(recipe: Gradient | Fit, overrides: dict[str, Any]) -> Gradient | Fit:
    """The recipe with an experiment's `set` applied and checked again."""
    return _adapter.validate_python({**recipe.model_dump(), **overrides})
