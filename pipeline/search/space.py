"""The `search` section of params.yaml: which recipe fields and model arguments to search, and where."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.introspection import Strict

RUNGS = 5  # at most
FIRST = 3  # epochs before a trial first pauses: after one or two, a schedule's start decides what is seen
JUDGED = 3  # trials by more than one seed


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
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> list[Any]:
        """All choices, or both ends of the range."""
        return [self.low, self.high] if self.choices is None else self.choices


class Space(Strict):
    """Axes by name: fields of the experiment's recipe under `set`, arguments of its model under `args`.

    trials: whole trainings, in all. seeds: by how many the best trials and the row itself are judged in the end, each
    by its mean; what that takes is part of the trials. sampler: what chooses the next values, see
    pipeline/search/samplers.py; freeze_thaw also chooses which trial to train further, see
    pipeline/search/freeze_thaw.py. pruner: what gives trials up early, see pipeline/search/pruners.py. Where trials
    pause or are given up, there are more of them in as many epochs. Another sampler or pruner goes on with the trials
    of the one before.
    """

    trials: Annotated[int, Field(ge=1)] = 20
    seeds: Annotated[int, Field(ge=1)] = 1
    sampler: Literal["freeze_thaw", "random", "quasi_random", "tpe", "gp", "nsga2"] = "freeze_thaw"
    pruner: Literal["none", "median", "hyperband", "successive_halving", "patience"] = "none"
    set: dict[str, Axis] = {}
    args: dict[str, Axis] = {}

    @property
    def axes(self) -> dict[str, Axis]:
        """By name with its part: `set.lr`, `args.hidden`."""
        return {f"set.{k}": a for k, a in self.set.items()} | {f"args.{k}": a for k, a in self.args.items()}

    def judging(self, trials: int) -> int:
        """Whole trainings of `trials` that further seeds of the best ones take. ValueError where nothing is left."""
        taken = (JUDGED + 1) * (self.seeds - 1)
        if taken and taken >= trials:
            raise ValueError(
                f"{trials} trials are too few for {self.seeds} seeds: {JUDGED} trials and the row itself take {taken} "
                f"of them; give {taken + 1} or more trials, or fewer seeds"
            )
        return taken

    @model_validator(mode="after")
    def _leaves_some(self) -> "Space":
        self.judging(self.trials)
        return self

    @model_validator(mode="after")
    def _one_decides(self) -> "Space":
        if self.sampler == "freeze_thaw" and self.pruner != "none":
            raise ValueError(
                f"sampler freeze_thaw chooses itself which trial goes on; set pruner {self.pruner} to none, "
                "or sampler to one that only chooses values, such as tpe"
            )
        return self


def rungs_of(epochs: int) -> list[int]:
    """After how many epochs a trial pauses: half of all, half of that and so on; the last is all of them."""
    rungs = [epochs]
    while rungs[0] // 2 >= FIRST and len(rungs) < RUNGS:
        rungs.insert(0, rungs[0] // 2)
    return rungs
