"""The `data` section of params.yaml: where a data set is from, how it is read, split and budgeted."""

from typing import Any

from pydantic import model_validator

from pipeline.data.kinds import of_shape
from pipeline.data.spec import Budget, Missing, Split
from pipeline.introspection import Strict, constant


class Data(Strict):
    """One data set.

    source: a data card (`.yaml`) or a path of your own. options: the reader's keyword arguments. budget: by profile.

    missing: what becomes of missing values of a table: refuse, drop (the row), or what is put in for a missing number:
    mean, median or mode of the training items, or a number that is given. A column of names gets its most frequent one.
    """

    source: str
    reader: str
    options: dict[str, Any] = {}
    task: str
    split: Split = Split()
    missing: Missing = "refuse"
    budget: dict[str, Budget]

    @property
    def is_card(self) -> bool:
        return self.source.endswith((".yaml", ".yml"))

    @property
    def kind(self) -> str:
        """A name of `pipeline.data.kinds`: of the reader, or of its option `shape` if it reads several."""
        return constant(f"data/readers/{self.reader}", "KIND") or of_shape(self.options.get("shape") or [])

    @model_validator(mode="after")
    def _whole(self) -> "Data":
        if self.split.test and self.split.validation + self.split.test >= 1:
            raise ValueError(f"split: validation {self.split.validation} and test {self.split.test} leave no train")
        return self
