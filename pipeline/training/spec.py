"""What a train cell of a network is asked: part of the preimage of its key. Light to import."""

from typing import Any

from pipeline.data.spec import Setting
from pipeline.introspection import Strict
from pipeline.training.recipe import Gradient
from pipeline.training.start import Start


class Model(Strict):
    """model: a file of the package, `models/lenet5`. view: how it sees its input. args: of its `build`."""

    model: str
    view: str
    args: dict[str, Any]

    @property
    def module(self) -> str:
        """`pipeline.models.lenet5`, to be imported."""
        return f"pipeline.{self.model.replace('/', '.')}"


class Architecture(Model):
    """What a network is built from again."""

    recipe: Gradient

    @property
    def scaling(self) -> str:
        return self.recipe.scaling


class Spec(Setting, Architecture):
    """precision: where the recipe has none of its own. start: None initialises the weights at random."""

    seed: int
    precision: str
    start: Start | None = None


class Features(Setting, Model):
    """What a features cell is asked: what decides what a network without its head makes of the items, and no more.

    budget: of one epoch, since each item passes once. args: without those that change training alone. scaling,
    channels_last: of a recipe. weights: of a start. seed: None where neither the draw of items nor the weights are of
    one.
    """

    scaling: str
    channels_last: bool | None
    weights: str
    seed: int | None
