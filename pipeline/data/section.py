"""The `data` section of params.yaml: where a data set is from, how it is read, split and budgeted."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pipeline.data.kinds import of_shape
from pipeline.data.spec import Budget, Missing, Seed, Split
from pipeline.introspection import Strict, constant


def _distinct(seeds: list[int]) -> list[int]:
    if twice := sorted({s for s in seeds if seeds.count(s) > 1}):
        raise ValueError(f"seed {twice[0]} stands there twice; a second run of it would count as evidence")
    return seeds


Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_distinct)]


class Data(Strict):
    """One data set.

    source: a data card (`.yaml`) or a path of your own. options: the reader's keyword arguments. budget: by profile.

    tokens: of text, the entry of `tokenizers` that cuts it into tokens, where a row names no other.
    missing: what becomes of missing values of a table: refuse, drop (the row), or what is put in for a missing number:
    mean, median or mode of the training items, or a number that is given. A column of names gets its most frequent one.
    Of texts, refuse or drop (those without a word, and pairs with an empty side).
    part: of the build that its rows are: `make repro TASK=text` makes those of one part alone.
    seeds: of every row on it, instead of the profile's; more of them where items are so few that a seed decides much.
    """

    source: str
    reader: str
    options: dict[str, Any] = {}
    task: str
    split: Split = Split()
    tokens: str | None = None
    missing: Missing = "refuse"
    budget: dict[str, Budget]
    part: str = ""
    seeds: Seeds | None = None

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
