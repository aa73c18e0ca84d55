"""What kinds of studies collect from: the finished cells of one seed of a point.

A kind is a file of this folder, found by its name:

    COLUMNS          of `scores.csv`, between the point's own and `status`
    NETWORKS_ONLY    True where a classical model has nothing to draw
    collect(made)    lines of one finished seed
    read(lines)      the points, from all lines of a study with their costs
    section(data, studies)    the blocks of a data set's studies of this kind, by name
    draw(**data)     the figure of a block's picture; it alone imports matplotlib
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.cells.cell import Cell, read_json
from pipeline.run.plan import TRAIN
from pipeline.training.spec import Spec

BACKWARD = 3  # a training step costs three times its forward pass (Kaplan et al. 2020, section 2.1)


@dataclass(frozen=True)
class Made:
    """The finished cells of one seed of a point. metric: its task's."""

    trained: Cell
    judges: Sequence[Cell]
    metric: str

    @cached_property
    def values(self) -> dict[tuple[str, str], float]:
        """(split, metric) -> value."""
        return {(split, name): value for c in self.judges for split, name, value in c.result.get("values", [])}

    @property
    def score(self) -> float | str:
        """On test; empty where the seed failed."""
        return self.values.get(("test", self.metric), "")

    @property
    def reason(self) -> str | None:
        """Why it failed, in training or when it was judged."""
        return next((reason for c in (self.trained, *self.judges) if (reason := c.result.get("reason"))), None)

    @property
    def training_flops(self) -> float | str:
        """Of a whole training, without what its weights cost before; empty for what isn't counted: classical models,
        and networks that are trained in part or beside adapters, whose backward pass costs less than a whole one's.

        Below a head that is trained alone every item passes once, and the head's own work is next to nothing.
        """
        forward, cell = self.values.get(("", "flops")), self.trained
        if forward is None or cell.entry != TRAIN:
            return ""
        there = sum(read_json(cell.inputs["data"].folder / "meta.json")["counts"]["train"])
        spec = cell.spec
        assert isinstance(spec, Spec)
        items = min(spec.budget.samples or there, there)
        if spec.start and spec.start.train != "all":
            return forward * items if spec.start.train == "head" else ""
        return BACKWARD * forward * items * cell.result["epochs"]["run"]
