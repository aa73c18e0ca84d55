"""Published figures: `references/*.yaml`, one file a source, checked strictly."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from pipeline.signature import Strict


class Figure(Strict):
    """One published value. A data set or a model that the project doesn't have is simply unused."""

    data: str
    model: str
    metric: Literal["accuracy"]
    value: float = Field(gt=0, le=1)  # a fraction, as in results.csv
    comparable: bool  # the same kind of architecture and preprocessing; the budget is judged by the report
    note: str
    checked: Literal["source", "memory"]  # read in the source, or recalled and still to be checked


class Reference(Strict):
    name: str  # short, for a table's cell: authors and year
    citation: str
    url: str | None = Field(default=None, pattern=r"^https?://")
    doi: str | None = Field(default=None, pattern=r"^10\.")
    figures: list[Figure]

    @model_validator(mode="after")
    def located(self) -> "Reference":
        if not (self.url or self.doi):
            raise ValueError("a reference needs a url or a doi")
        return self

    @property
    def link(self) -> str:
        return f"https://doi.org/{self.doi}" if self.doi else str(self.url)


def load(folder: Path) -> dict[tuple[str, str], tuple[Reference, Figure]]:
    """(data set, model) -> source and figure. ValueError names the file that is not valid or gives a figure twice."""
    found: dict[tuple[str, str], tuple[Reference, Figure]] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            reference = Reference.model_validate(yaml.safe_load(path.read_text()))
        except ValidationError as error:
            raise ValueError(f"{path.name} is no valid reference: {error}") from error
        for figure in reference.figures:
            if (figure.data, figure.model) in found:
                raise ValueError(f"{path.name}: a second figure for {figure.model} on {figure.data}; keep one")
            found[figure.data, figure.model] = (reference, figure)
    return found
