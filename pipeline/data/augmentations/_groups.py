"""Different operations on the items of a batch, each a call for all items that drew it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def grouped(x: Tensor, drawn: Tensor, operations: Sequence[Callable[[Tensor, Tensor], Tensor]]) -> Tensor:
    """Items (N, ...) after `operations[drawn]`, int64 (N,): functions of a group's items and of their places in x.

    Groups are selected and put back whole: assigning to indexed items would take twice as long for small images.
    """
    groups = [(drawn == number).nonzero()[:, 0] for number in range(len(operations))]
    done = [
        operation(x.index_select(0, group), group)
        for operation, group in zip(operations, groups, strict=True)
        if len(group)
    ]
    return torch.cat(done).index_select(0, torch.cat(groups).argsort())
