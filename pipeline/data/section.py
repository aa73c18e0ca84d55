"""The `data` section of params.yaml: where a data set is from, how it is read, split and budgeted."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.signature import Strict, constant

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Split(Strict):
    """validation: share carved from train, stratified. test: likewise, only where the source brings no test split.

    refit: the validation items stay in train, for sets so small that every item counts. Recipes are fixed beforehand
    then, and nothing may be chosen on validation.
    """

    validation: Fraction = 0.1
    test: Fraction | None = None
    seed: int = 0
    refit: bool = False


class Budget(Strict):
    """What every experiment on this data set gets in a profile; null samples means all.

    samples: training items, a stratified draw of the seed. validation: items used for the per-epoch curve and for
    every choice. epochs: passes of a network; a classical model ignores them.
    """

    samples: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1)]


class Data(Strict):
    """One data set; every key is given, because dvc.yaml reads it.

    source: a data card (`.yaml`) or a path of your own. options: the reader's keyword arguments.
    """

    source: str
    reader: str
    options: dict[str, Any]
    task: str
    split: Split
    budget: dict[str, Budget]

    @property
    def is_card(self) -> bool:
        return self.source.endswith((".yaml", ".yml"))

    @property
    def kind(self) -> str:
        """image (C, H, W), series (T, F) or tabular (F): of the reader, or of its option `shape` if it reads more."""
        fixed = constant(f"data/readers/{self.reader}", "KIND")
        return fixed or {3: "image", 2: "series"}.get(len(self.options.get("shape") or []), "tabular")

    @model_validator(mode="after")
    def _whole(self) -> "Data":
        if self.split.test and self.split.validation + self.split.test >= 1:
            raise ValueError(f"split: validation {self.split.validation} and test {self.split.test} leave no train")
        return self
