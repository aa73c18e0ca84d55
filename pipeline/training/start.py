"""Where an experiment's weights come from, and how much of it is trained: `start` in params.yaml. Light to import."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline import introspection
from pipeline.introspection import Strict

# Arguments of models that mean something in training alone, or for weights that are loaded over.
HARMLESS = {"dropout", "stochastic_depth", "norm_momentum", "forget_bias"}


class Start(Strict):
    """weights: a card of shipped ones (`pipeline/models/cards/<name>.yaml`), an entry of `pretraining` or a row (of the
    same seed), or a registered version, `<name>/<version>`.
    head: the last dense layer. `new` starts like any fresh one, `kept` is for more training on the same task.
    train: `all`; `head` keeps all else as it is, batch norms included, so what comes before the head is computed once
    and only a linear model is trained; `gradual` (Howard, Ruder 2018: Universal language model fine-tuning for text
    classification, section 3.3) trains the head alone in the first epoch and one more block from the top in each epoch
    after it.
    layer_decay: factor of the learning rate from a block to the one below it (section 3.2 there, 1 / 2.6; Clark et al.
    2020: ELECTRA, 0.8); 1.0 gives all the same.
    """

    weights: str
    head: Literal["new", "kept"] = "new"
    train: Literal["all", "head", "gradual"] = "all"
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def is_card(self) -> bool:
        return self.weights.endswith(".yaml")

    @property
    def is_version(self) -> bool:
        return not self.is_card and ("/" in self.weights or "@" in self.weights)


def misfits(theirs: Mapping[str, Any], ours: Mapping[str, Any], head: str) -> Iterator[str]:
    """Why weights of `theirs` can't start `ours`: model, args, scaling and view, the last two where theirs are known.

    Arguments that are not given have their defaults. A `new` head is none of theirs.
    """
    if theirs["model"] != ours["model"]:
        yield f"has weights of {theirs['model']}, not of {ours['model']}"
        return
    for name in ("scaling", "view"):
        if name in theirs and theirs[name] != ours[name]:
            yield f"has learnt from {name} {theirs[name]!r}, but here it is {ours[name]!r}"
    built = {name: field.default for name, field in introspection.options(ours["model"], "build").model_fields.items()}
    theirs, ours = {**built, **theirs["args"]}, {**built, **ours["args"]}
    for name in sorted(set(built) - HARMLESS - ({"head"} if head == "new" else set())):
        if theirs[name] != ours[name]:
            yield f"has weights of {name} {theirs[name]!r}, but here it is {ours[name]!r}"
