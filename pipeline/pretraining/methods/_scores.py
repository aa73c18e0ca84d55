"""How a method is followed: by the mean of a score that its loss gives for each item."""

from collections.abc import Sequence

from torch import Tensor

from pipeline.tasks._task import Judge


class MeanScore(Judge):
    """Labels are not looked at."""

    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        return scores.sum()[None]

    def value(self, state: Sequence[float], y: Tensor) -> float:
        return state[0] / len(y)
