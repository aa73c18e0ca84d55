"""What cells that get, prepare or use data are asked: parts of the preimage of their keys. Light to import."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipeline.introspection import Strict

Fraction = Annotated[float, Field(gt=0, lt=1)]
Missing = Literal["refuse", "drop", "mean", "median", "mode"] | float
HIGHEST_SEED = 2**32 - 1  # that NumPy's generators take
Seed = Annotated[int, Field(ge=0, le=HIGHEST_SEED)]


class Split(Strict):
    """validation: share carved from train, stratified. test: likewise, only where the source brings no test split.

    refit: the validation items stay in train, for sets so small that every item counts. Recipes are fixed beforehand
    then, and nothing may be chosen on validation.
    """

    validation: Fraction = 0.1
    test: Fraction | None = None
    seed: Seed = 0
    refit: bool = False


class Budget(Strict):
    """What every experiment on this data set gets in a profile; null samples means all.

    samples: training items, a stratified draw of the seed. validation: items used for the per-epoch curve and for
    every choice. epochs: passes of a network; a classical model ignores them.
    """

    samples: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1)]


class Fetch(Strict):
    """source: a card, or a path of the user's own, relative to the project. digest: of what is there now."""

    source: str
    card: bool
    digest: str


class Tokens(Strict):
    """How text becomes tokens, fitted on the training texts alone.

    by: a file of pipeline/data/tokenizers. options: its keyword arguments. length: the most tokens of a text; what is
    longer is cut at its end. source: a card of weights, or a folder, of the model that a pretrained tokenizer is of.
    """

    by: str
    length: Annotated[int, Field(ge=1)] = 256
    options: dict[str, Any] = {}
    source: str | None = None


class Prepare(Strict):
    """data: the data set's name. options: the reader's keyword arguments. task: what makes targets of labels.

    missing: what becomes of missing values. tokens: of text, how it is cut into tokens.
    """

    data: str
    reader: str
    options: dict[str, Any]
    task: str
    split: Split
    missing: Missing = "refuse"
    tokens: Tokens | None = None


class Setting(Strict):
    """What trains, compresses and evaluates on a data set share. threads: of the processor."""

    data: str
    task: str
    budget: Budget
    threads: int


class Column(Strict):
    """One column of a table as its file has it: a number or, where there are `names`, one of these.

    A column with names makes as many features, each 0 or 1, in the order of the names; another makes one.
    """

    name: str
    names: list[str] | None = None

    @property
    def features(self) -> list[str]:
        """Of each feature its name: `island=Biscoe`, or that of the column."""
        return [f"{self.name}={name}" for name in self.names] if self.names else [self.name]

    @property
    def width(self) -> int:
        return len(self.features)


class Vocabulary(Strict):
    """size: how many tokens there are. padding: the number of the one that fills up the shorter texts of a batch."""

    size: int
    padding: int = 0


class Facts(Strict):
    """What a model is built for, and keeps in its result: kind and shape of a raw item, classes, width of outputs.

    columns: of a table whose columns have names, in the order of its features. imputed: for each of them what stands
    for a missing value, a number or one of the column's names; None where a value has to be there. padded: whether
    there are series that end before the longest does. vocabulary: of the tokens that `tokenizer.json` beside the model
    makes of text. aligned: whether each word of a text has an answer of its own. writes: whether the answer is a text.
    """

    kind: str
    shape: list[int]
    classes: list[str]
    outputs: int
    columns: list[Column] | None = None
    imputed: list[float | str | None] | None = None
    padded: bool = False
    vocabulary: Vocabulary | None = None
    aligned: bool = False
    writes: bool = False
