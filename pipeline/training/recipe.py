"""How a model is trained: the `recipes` section of params.yaml.

Everything here is light to import; `pipeline.training.optimizers` turns it into torch objects.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from pipeline.introspection import Strict


class Preprocessing(Strict):
    """What every trained thing shares, network or classical.

    scaling: of inputs, with statistics of the training split. `unit` maps its range to [0, 1], `symmetric` to [-1, 1],
    `standardise` its mean and standard deviation to 0 and 1 (by channel for images, by column for tables).
    sampling: against imbalance. `weighted` weighs each class in the loss by the inverse of its frequency, `balanced`
    draws every class equally often.
    """

    scaling: Literal["none", "unit", "symmetric", "standardise"] = "standardise"
    sampling: Literal["none", "weighted", "balanced"] = "none"


class Fit(Preprocessing):
    """A classical model: its own solver does the rest."""

    kind: Literal["fit"]


class Gradient(Preprocessing):
    """A network. Defaults are those of the small-budget trials on Fashion-MNIST.

    Which to use when: docs/training.md. What contradicts itself is refused here, what a task or a network can't be
    given where params.yaml is read.
    """

    kind: Literal["gradient"]
    # The global batch: the number of devices never changes it.
    batch_size: Annotated[int, Field(ge=1)] = 64
    # Items of one forward pass on one device; gradients of a batch add up. null: all of the device's share, halved as
    # often as memory asks.
    micro_batch: Annotated[int, Field(ge=1)] | None = None

    # The task's own (or the network's, if it has one), or one by name: pipeline/tasks/_losses.py.
    loss: Literal[
        "default", "cross_entropy", "binary_cross_entropy", "squared", "huber", "hinge", "margin", "focal"
    ] = "default"
    # Szegedy et al. 2016: share of each label that is spread over all classes.
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Lin et al. 2017: how much a focal loss turns away from items that are right already.
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    # Huber 1964: where the loss turns from squared to absolute, in standard deviations of the target.
    huber_delta: Annotated[float, Field(gt=0)] = 1.0

    # Start of all weights, or the network's own: pipeline/training/initialisation.py.
    initialisation: Literal[
        "default",
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "orthogonal",
        "truncated_normal",
    ] = "default"

    # muon (Jordan et al. 2024) takes the matrices of hidden dense and recurrent layers, adamw all else.
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "muon"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 2e-3
    # Of sgd and rmsprop (usually 0.9) and muon (0.95).
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # The form of Sutskever et al. 2013, of sgd and muon with a momentum.
    nesterov: bool = True
    # Never of biases and norms. Decoupled (Loshchilov & Hutter 2019) for adamw and muon, an L2 penalty for the others.
    weight_decay: Annotated[float, Field(ge=0)] = 0.01

    # Of the learning rate, stepped by update, over the whole run.
    # inverse_sqrt (Vaswani et al. 2017, section 5.3): after the warm-up it falls as the inverse root of the update.
    schedule: Literal[
        "constant", "step", "cosine", "exponential", "one_cycle", "polynomial", "plateau", "inverse_sqrt"
    ] = "one_cycle"
    # Share of all updates spent rising to `lr`: linearly before any schedule, as a half cosine in one_cycle.
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.25
    # Of step: share of the run from one step to the next, the first after the warm-up. Of step and plateau: the factor.
    step_every: Annotated[float, Field(gt=0, lt=1)] = 0.3
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    # Of plateau: epochs in a row without a better validation loss that make a step.
    plateau_epochs: Annotated[int, Field(ge=1)] = 2
    # Of cosine: warm restarts (Loshchilov & Hutter 2017) make several cycles of equal length after the warm-up.
    cycles: Annotated[int, Field(ge=1)] = 1
    # Of polynomial.
    power: Annotated[float, Field(gt=0)] = 1.0
    # Share of `lr` at the end of cosine, exponential and polynomial.
    lr_final: Annotated[float, Field(ge=0, lt=1)] = 0.0

    # Largest global norm of the gradient (Pascanu et al. 2013), and largest absolute value; null does not clip.
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    gradient_clip_value: Annotated[float, Field(gt=0)] | None = None
    # l1 times the sum of absolute weights, added to the loss (no weight becomes exactly 0), or as a proximal step after
    # each update, which sets weights to 0 (Tibshirani 1996; Parikh & Boyd 2014). Never of biases and norms.
    l1: Annotated[float, Field(ge=0)] = 0.0
    l1_form: Literal["penalty", "proximal"] = "penalty"
    # l2 / 2 times the sum of squared weights, added to the loss whatever the optimizer.
    l2: Annotated[float, Field(ge=0)] = 0.0
    # Largest norm of a unit's incoming weights, kept by projection after each update (Srivastava et al. 2014).
    max_norm: Annotated[float, Field(gt=0)] | None = None
    # Alpha of the Beta distribution of shares: Zhang et al. 2018; Yun et al. 2019 (images). With both, a coin decides.
    mixup: Annotated[float, Field(ge=0)] = 0.0
    cutmix: Annotated[float, Field(ge=0)] = 0.0
    # Files of pipeline/data/augmentations in this order, with their options: [{name: flip}, {name: shift, pixels: 2}].
    augment: list[dict[str, Any]] = []

    # Exponential moving average of the weights: its decay an update (Polyak & Juditsky 1992), which rises with update t
    # as (1 + t) / (10 + t) up to this, so that a short run is not the mean of its start. 0.0: none.
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Stochastic weight averaging (Izmailov et al. 2018): share of the run, at its end, over which weights are averaged,
    # once an epoch. The paper's rates stay high there: schedule constant, or cosine with a cycle an epoch.
    swa: Annotated[float, Field(ge=0, lt=1)] = 0.0

    # Early stopping: epochs without a validation score better by min_change. null: none.
    patience: Annotated[int, Field(ge=1)] | None = None
    min_change: Annotated[float, Field(ge=0)] = 0.0
    # Whether to end with the weights of the epoch that was best on validation instead of the last.
    best_weights: bool = False
    # Limits of a run: minutes of training, items seen. The schedule spans all epochs all the same.
    minutes: Annotated[float, Field(gt=0)] | None = None
    items: Annotated[int, Field(ge=1)] | None = None

    # Instead of the profile's. Products in TF32 on GPUs that have it.
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] | None = None
    tf32: bool = False
    # Memory order of images, (N, H, W, C) or (N, C, H, W); null: as the architecture asks, which was measured.
    channels_last: bool | None = None
    # torch.compile makes one graph of forward and backward pass: half a minute at first, then faster steps; for long
    # runs.
    compile: bool = False
    # bayesian: a distribution over the last dense layer's weights, trained by variational inference.
    last_layer: Literal["plain", "bayesian"] = "plain"

    @property
    def probabilistic(self) -> bool:
        """Whether the loss takes the softmax of scores for the probabilities of classes."""
        return self.loss in ("default", "cross_entropy", "focal")

    @model_validator(mode="after")
    def _possible(self) -> "Gradient":
        for wrong, why in CONTRADICTIONS:
            if wrong(self):
                raise ValueError(why.format(**self.model_dump()))
        return self


# What a recipe can't be, and what to do about it.
CONTRADICTIONS: tuple[tuple[Callable[[Gradient], Any], str], ...] = (
    (
        lambda r: r.momentum and r.optimizer not in ("sgd", "rmsprop", "muon"),
        "momentum {momentum} has no meaning for {optimizer}; use sgd, rmsprop or muon, or momentum 0.0",
    ),
    (
        lambda r: r.optimizer == "muon" and not r.momentum,
        "optimizer muon makes its momentum orthogonal, and momentum is {momentum}; set it, usually to 0.95",
    ),
    (
        lambda r: r.schedule == "one_cycle" and not r.warmup,
        "schedule one_cycle needs a warmup above 0; use cosine for none",
    ),
    (
        lambda r: r.schedule == "inverse_sqrt" and not r.warmup,
        "schedule inverse_sqrt falls from the end of its warm-up on, which needs a warmup above 0",
    ),
    (
        lambda r: r.schedule == "exponential" and not r.lr_final,
        "schedule exponential never reaches 0; set lr_final, the share of lr at its end, such as 0.01",
    ),
    (
        lambda r: r.lr_final and r.schedule not in ("cosine", "exponential", "polynomial"),
        "lr_final {lr_final} is of cosine, exponential and polynomial, not of {schedule}; set it to 0.0",
    ),
    (
        lambda r: r.cycles > 1 and r.schedule != "cosine",
        "cycles {cycles} are warm restarts of schedule cosine, not of {schedule}; set it to 1",
    ),
    (
        lambda r: r.ema and r.swa,
        "ema {ema} and swa {swa} both average the weights; set one of them to 0.0",
    ),
    (
        lambda r: (r.mixup or r.cutmix) and r.sampling == "weighted",
        "mixup {mixup} and cutmix {cutmix} mix labels, and a mixture has no one class whose weight it could have; "
        "use sampling balanced",
    ),
    (
        lambda r: r.swa and (r.patience or r.minutes or r.items),
        "swa {swa} averages the last part of all epochs, which a run that may end before them has not; set swa to 0.0, "
        "or patience, minutes and items to null",
    ),
    (
        lambda r: r.best_weights and r.swa,
        "swa {swa} averages the last epochs, best_weights takes one of them; set one of the two off",
    ),
    (
        lambda r: r.l2 and r.weight_decay and r.optimizer not in ("adamw", "muon"),
        "weight_decay {weight_decay} is an L2 penalty for {optimizer}, and so is l2 {l2}; set one of them to 0.0",
    ),
    (
        lambda r: r.label_smoothing and r.loss not in ("default", "cross_entropy"),
        "label_smoothing {label_smoothing} is of cross-entropy, not of loss {loss}; set it to 0.0",
    ),
    (
        lambda r: r.micro_batch and r.micro_batch > r.batch_size,
        "micro_batch {micro_batch} is larger than batch_size {batch_size}; leave it null",
    ),
    (
        lambda r: r.min_change and r.patience is None,
        "min_change {min_change} is of early stopping; give patience, in epochs",
    ),
)


Recipe = Annotated[Gradient | Fit, Field(discriminator="kind")]
_adapter: TypeAdapter[Gradient | Fit] = TypeAdapter(Recipe)


def completed(values: dict[str, Any]) -> dict[str, Any]:
    """A resolved recipe as it would be written today: what was asked before a field was there had its default."""
    return _adapter.validate_python(values).model_dump()


def resolve(recipe: Gradient | Fit, overrides: dict[str, Any]) -> Gradient | Fit:
    """The recipe with an experiment's `set` applied and checked again."""
    return _adapter.validate_python({**recipe.model_dump(), **overrides})
