"""The `search` section of params.yaml: which recipe fields and model arguments to search, and where."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.introspection import Strict


class Axis(Strict):
    """One searched value: `choices`, or a range from `low` to `high` (whole numbers if both are), `log` by ratio."""

    choices: list[Any] | None = None
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> "Axis":
        ranged = self.low is not None and self.high is not None
        if ranged == bool(self.choices):
            raise ValueError("give either choices, or both low and high")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if self.log and not (self.low is not None and self.low > 0):
            raise ValueError(f"log needs low above 0, not {self.low}")
        return self

    @property
    def ends(self) -> list[Any]:
        """All choices, or both ends of the range."""
        return [self.low, self.high] if self.choices is None else self.choices


class Space(Strict):
    """Axes by name: fields of the experiment's recipe under `set`, arguments of its model under `args`.

    sampler: what chooses the next values, see pipeline/search/samplers.py. Another one goes on with the trials of the
    one before.
    """

    trials: Annotated[int, Field(ge=1)] = 20
    sampler: Literal["random", "quasi_random", "tpe", "gp", "nsga2"] = "tpe"
    set: dict[str, Axis] = {}
    args: dict[str, Axis] = {}
