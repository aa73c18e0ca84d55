"""What memory asks for: a batch in micro-batches, and fewer items at once where it was not enough."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from pipeline.training import randomness
from pipeline.training.feed import Share

Result = TypeVar("Result")


def micro_batches(share: Share, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """(inputs, labels, labels of what they are mixed with) of at most `size` items each; none of an empty share.

    They differ by one item at most: from size 3 on none is left over alone, which batch norm can't do with.
    """
    n, count = len(share.y), -(-len(share.y) // size)
    for number in range(count):
        part = slice(n * number // count, n * (number + 1) // count)
        yield share.x[part], share.y[part], None if share.partner_labels is None else share.partner_labels[part]


def halving(run: Callable[[int], Result], limit: int, divisible: bool = True) -> tuple[Result, int]:
    """`run(limit)`, or as often as memory asks with half as many items at once; and the limit that was not too much.

    It draws the same noise each time, as if the smaller limit had been the first. What is not `divisible` has to do
    with the memory that there is.
    """
    noise = randomness.torch_state()
    while True:
        try:
            return run(limit), limit
        except torch.OutOfMemoryError as error:
            if not divisible:
                error.add_note("the loss compares all items of a batch, which is not split; set a smaller batch_size")
            if limit == 1 or not divisible:
                raise
        torch.cuda.empty_cache()
        randomness.restore_torch(noise)
        print(f"out of memory with {limit} items at once; going on with {-(-limit // 2)}", flush=True)
        limit = -(-limit // 2)
