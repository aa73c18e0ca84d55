"""Published figures: `references/*.yaml`, one file a source, checked strictly."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from pipeline.introspection import Strict
from pipeline.results.metric import named


class Figure(Strict):
    """One published value, for every row of a model on a data set, for one `experiment` of them, or, without a model,
    for the rows of the data set that have no other: its usual baseline.

    A data set, a model or an experiment that the project doesn't have is simply unused.
    """

    data: str
    model: str = ""
    experiment: str = ""
    metric: str
    value: float  # in the metric's unit, as in result files
    comparable: bool  # the same kind of architecture and preprocessing; the budget is judged by the report
    note: str
    # Read in the source, made again from the same data with the same result, or recalled and still to be checked.
    checked: Literal["source", "recomputed", "memory"]

    @model_validator(mode="after")
    def measured(self) -> "Figure":
        if named(self.metric).percent and not 0 < self.value <= 1:
            raise ValueError(f"{self.metric} {self.value:g} is no fraction: write 0.883 for 88.3 %")
        return self

    @property
    def subject(self) -> str:
        return f"{self.model or 'the baseline'} on {self.data}"


class Reference(Strict):
    name: str  # short, for a table's cell: authors and year
    citation: str
    url: str | None = Field(default=None, pattern=r"^https?://")
    doi: str | None = Field(default=None, pattern=r"^10\.")
    remark: str = ""  # on what its figures are of, or why there are none
    figures: list[Figure]

    @model_validator(mode="after")
    def located(self) -> "Reference":
        if not (self.url or self.doi):
            raise ValueError("a reference needs a url or a doi")
        return self

    @property
    def link(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else str(self.url)


Published = tuple[Reference, Figure]


class References:
    """All of a folder. ValueError names the file that is not valid or gives a figure twice."""

    def __init__(self, folder: Path) -> None:
        self.sources = {path.stem: read(path) for path in sorted(folder.glob("*.yaml"))}
        self.figures: dict[tuple[str, str, str], Published] = {}
        for name, reference in self.sources.items():
            for figure in reference.figures:
                place = (figure.data, figure.model, figure.experiment)
                if place in self.figures:
                    raise ValueError(f"{name}.yaml: a second figure for {figure.subject}; keep one")
                self.figures[place] = (reference, figure)

    def of(self, data: str, model: str, experiment: str) -> Published | None:
        """Source and figure of a row: the experiment's own, else the model's, else the data set's baseline."""
        places = ((data, model, experiment), (data, model, ""), (data, "", ""))
        return next((self.figures[place] for place in places if place in self.figures), None)


def read(path: Path) -> Reference:
    """ValueError names the file and what is not valid in it."""
    try:
        return Reference.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        raise ValueError(f"{path.name} is no valid reference: {error}") from error
