"""What a task is measured by, read from the literal constants of its file without importing it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pipeline import introspection


@dataclass(frozen=True)
class Metric:
    """name: as in result files. label: as people write it. percent: a fraction, shown times 100. margin: in the
    metric's unit, how far below the best model the smallest and the fastest may be."""

    name: str
    label: str
    direction: Literal["maximize", "minimize"]
    percent: bool
    margin: float

    @property
    def sign(self) -> int:
        """What a value is multiplied by so that more is better."""
        return 1 if self.direction == "maximize" else -1

    @property
    def title(self) -> str:
        """A table's header: `accuracy %`."""
        return f"{self.label} %" if self.percent else self.label

    def shown(self, value: float | None, sign: str = "", none: str = "") -> str:
        """A value, or a difference of two, without its unit; sign: as in a format specification."""
        if value is None:
            return none
        return format(100 * value, f"{sign}.2f") if self.percent else format(value, f"{sign}.3f")

    def unit(self, value: float) -> float:
        """A value in the unit that `title` names."""
        return 100 * value if self.percent else value


@lru_cache
def of_task(task: str) -> Metric:
    """ValueError where the task's file does not state one of the constants."""
    name, *others = (introspection.constant(f"tasks/{task}", n) for n in ("METRIC", "DIRECTION", "PERCENT", "MARGIN"))
    return Metric(name, introspection.constant(f"tasks/{task}", "LABEL", name), *others)


@lru_cache
def named(name: str) -> Metric:
    """The metric of that name, of the first task that has it; ValueError lists those that there are."""
    known = {metric.name: metric for metric in map(of_task, reversed(introspection.names("tasks")))}
    if name not in known:
        raise ValueError(f"unknown metric {name!r}; tasks have {', '.join(sorted(known))}")
    return known[name]
