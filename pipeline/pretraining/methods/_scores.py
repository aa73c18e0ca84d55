"""What a method says of an epoch: the mean of a score that its loss gives for each item."""

from torch import Tensor


def tally(scores: Tensor, y: Tensor) -> Tensor:
    """Sum of scores (N,), a scalar tensor; labels are not looked at."""
    return scores.sum()


def metric(tally: float, y: Tensor) -> float:
    """Mean over the items `y`, whose scores sum to `tally`."""
    return tally / len(y)
