"""Where an experiment's weights come from, and how much of it is trained: `start` in params.yaml. Light to import."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pipeline import introspection
from pipeline.introspection import Strict

# Arguments of models that mean something in training alone, or for weights that are loaded over.
HARMLESS = {"dropout", "embedding_dropout", "stochastic_depth", "norm_momentum", "forget_bias", "beams", "alpha"}
OF = {"layers": "top", "rank": "lora", "alpha": "lora"}  # which `train` a key is of


class Start(Strict):
    """weights: a card of shipped ones (`pipeline/models/cards/<name>.yaml`), a folder as Hugging Face lays it out
    (`./name`), an entry of `pretraining` or a row (of the same seed), or a registered version, `<name>/<version>`.
    head: the last dense layer. `new` starts like any fresh one, `kept` is for more training on the same task.
    train: `all`; `head` keeps all else as it is, batch norms included, so what comes before the head is computed once
    and only a linear model is trained; `top` trains the head and the last `layers` blocks; `gradual` (Howard, Ruder
    2018: Universal language model fine-tuning for text classification, section 3.3) trains the head alone in the first
    epoch and one more block from the top in each epoch after it; `lora` trains the head and, beside the dense layers
    that the model's file names, products of two matrices of this `rank`, times `alpha` / `rank`
    (pipeline/training/lora.py).
    layer_decay: factor of the learning rate from a block to the one below it (section 3.2 there, 1 / 2.6; Clark et al.
    2020: ELECTRA, 0.8); 1.0 gives all the same.
    """

    weights: str
    head: Literal["new", "kept"] = "new"
    train: Literal["all", "head", "top", "gradual", "lora"] = "all"
    layers: Annotated[int, Field(ge=1)] | None = None
    rank: Annotated[int, Field(ge=1)] | None = None
    alpha: Annotated[float, Field(gt=0)] | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _whole(self) -> "Start":
        for name, train in OF.items():
            given = getattr(self, name)
            if self.train == train and given is None:
                raise ValueError(f"train {train} needs {' and '.join(n for n, of in OF.items() if of == train)}")
            if self.train != train and given is not None:
                raise ValueError(f"{name} is of train {train}, but train is {self.train}; leave {name} out")
        return self

    @model_serializer(mode="wrap")
    def _told(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without keys that are of another `train`: a start is what it was before there were such keys."""
        return {name: value for name, value in dump(self).items() if value is not None}

    @property
    def is_card(self) -> bool:
        return self.weights.endswith(".yaml")

    @property
    def is_version(self) -> bool:
        return not self.is_card and bool(re.fullmatch(r"[^/]+(/\d+|@.+)", self.weights))

    @property
    def is_folder(self) -> bool:
        return "/" in self.weights and not self.is_card and not self.is_version

    def opened(self, epoch: int) -> int | None:
        """How many blocks from the top are trained in an epoch, from 0; None where that is not what `train` says."""
        return {"gradual": epoch + 1, "top": (self.layers or 0) + 1}.get(self.train)


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
