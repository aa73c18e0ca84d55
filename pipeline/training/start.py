"""Where an experiment's weights come from, and how much of it is trained: `start` in params.yaml. Light to import."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.signature import Strict


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
