"""Learning-rate range test: the loss while the rate grows from update to update, in a run that is thrown away.

Smith (2017): Cyclical learning rates for training neural networks, section 3.3. The rate grows geometrically; the run
ends where the loss is several times its least, and nowhere before. Everything else (weights to start from, batches,
augmentation, optimizer, clipping, decay) is the row's own, so what it suggests is for this row.
"""

import tempfile
from collections.abc import Sequence
from math import ceil, exp, log
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from pipeline.cells.cell import Execution
from pipeline.data.dataset import Dataset
from pipeline.training import optimizers, train, transfer
from pipeline.training.blocks import layer_wise
from pipeline.training.randomness import seed_everything
from pipeline.training.spec import Spec
from pipeline.training.system import Diverged, System

LOWEST, HIGHEST, UPDATES = 1e-6, 10.0, 300
SMOOTHING = 0.95  # of the exponential mean of losses, its start corrected
ENDLESS: dict[str, Any] = {"patience": None, "min_change": 0.0, "items": None, "minutes": None, "best_weights": False}
TOO_FAR = 4.0  # times the least smoothed loss


class RangeTestResult(NamedTuple):
    """rates, losses: as they were tried. smooth: the losses' running mean. suggestion: a tenth of the rate at which
    that is least, where the loss still falls fast: the largest rate for one_cycle or a decay from it."""

    rates: list[float]
    losses: list[float]
    smooth: list[float]
    suggestion: float


class TooFar(Diverged):
    """The loss has left its valley: there is nothing more to see."""


class RangeTest(System):
    """A System whose rate grows from LOWEST to HIGHEST in UPDATES, and that remembers the loss of each update."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.found: list[float] = []

    def configure_optimizers(self) -> Any:
        optimizer = optimizers.optimizer(self.network.body, self.recipe.model_copy(update={"lr": LOWEST}))
        if self.start:
            layer_wise(optimizer, self.network.body, self.start.layer_decay)
        return [optimizer], [LambdaLR(optimizer, lambda update: (HIGHEST / LOWEST) ** (update / (UPDATES - 1)))]

    def _count(self, chunk: int, losses: Tensor, *rest: Any) -> None:
        self.found += losses.tolist()
        super()._count(chunk, losses, *rest)
        smooth = running_mean(self.found)
        if len(self.found) >= UPDATES or smooth[-1] > TOO_FAR * min(smooth):
            raise TooFar("the range test is over")


def run(spec: Spec, data: Dataset, start: Path | None = None, features: Path | None = None) -> RangeTestResult:
    """Of a train cell's specification. start: the cell whose weights it starts from. features: that of its items.

    ValueError where the loss of the first updates is NaN or infinite already, or those weights do not fit.
    """
    seed_everything(spec.seed, spec.threads)
    epochs = ceil(UPDATES * spec.recipe.batch_size / len(data.y["train"]))
    budget, recipe = spec.budget.model_copy(update={"epochs": epochs}), spec.recipe.model_copy(update=ENDLESS)
    spec = spec.model_copy(update={"budget": budget, "recipe": recipe})
    system = train.assemble(spec, data, RangeTest)
    if start:
        system = transfer.begin(system, spec, start, features)
    assert isinstance(system, RangeTest)
    try:
        with tempfile.TemporaryDirectory() as folder:
            train.fit(system, spec.precision, Path(folder), execution=Execution(checkpoint_seconds=None))
    except Diverged:
        pass
    return judged(system.found)


def judged(losses: Sequence[float]) -> RangeTestResult:
    """What the losses of the first updates of the test say."""
    losses = [loss for loss in losses[:UPDATES] if loss == loss and loss < float("inf")]
    if len(losses) < 10:
        raise ValueError(
            f"range test: the loss is NaN or infinite after {len(losses)} updates, at rates from {LOWEST:g} on"
        )
    rates = [exp(log(LOWEST) + log(HIGHEST / LOWEST) * n / (UPDATES - 1)) for n in range(len(losses))]
    smooth = running_mean(losses)
    return RangeTestResult(rates, list(losses), smooth, rates[smooth.index(min(smooth))] / 10)


def running_mean(values: Sequence[float]) -> list[float]:
    """Exponential, divided by the weight that it has had so far (Kingma & Ba 2015, section 3)."""
    means, mean = [], 0.0
    for count, value in enumerate(values, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        means.append(mean / (1 - SMOOTHING**count))
    return means
