"""A linear-chain conditional random field: scores of whole sequences of tags.

Lafferty, McCallum, Pereira (2001): Conditional random fields. A sequence of tags scores the sum of its emissions, of
its transitions and of where it starts and ends; its probability is the softmax over all sequences (Lample et al. 2016,
section 2.2). Positions whose tag is not given are summed over (Tsuboi et al. 2008: Training conditional random fields
using incomplete annotations).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipeline.models._layers import scan

IGNORED = -100  # in place of a tag that is not given, as in torch.nn.functional.cross_entropy
IMPOSSIBLE = -1e5  # a score that no sequence can make up for; -inf would make gradients that are no numbers
TINY = torch.finfo(torch.float32).tiny  # likewise, for sums without any sequence


class CRF(nn.Module):
    """Over sequences of emissions (N, T, K), of which the first steps are there, bool (N, T), at least one."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # from, to

    def negative_log_likelihood(self, emissions: Tensor, there: Tensor, y: Tensor) -> Tensor:
        """(N,), in nats, of the tags y, int64 (N, T), whatever they are where y is IGNORED."""
        emissions, given = centred(emissions), y.unsqueeze(2)
        possible = (given == IGNORED) | (given == torch.arange(len(self.start), device=y.device))
        both = torch.cat([emissions, torch.where(possible, emissions, IMPOSSIBLE)])  # one pass for both sums
        every, those = self.log_partition(both, there.repeat(2, 1)).chunk(2)
        return every - those

    def log_partition(self, emissions: Tensor, there: Tensor) -> Tensor:
        """Logarithm (N,) of the sum over all sequences of tags of the exponential of their scores.

        A sum over tags is a matrix product of exponentials, several times faster than logsumexp over pairs of tags, and
        as exact while no transition scores less than -87, where float32 has no exponential.
        """
        with torch.autocast(emissions.device.type, enabled=False):  # no products in half the bits
            weights = self.transitions.exp()

            def summed(ended: Tensor) -> Tensor:
                largest = ended.detach().amax(1, keepdim=True)
                return ((ended - largest).exp() @ weights).clamp_min(TINY).log() + largest

            scores = self.prefixes(emissions, summed)
            last = scores[torch.arange(len(scores), device=scores.device), there.sum(1) - 1]
            return (last + self.end).logsumexp(1)

    def best_scores(self, emissions: Tensor, there: Tensor) -> Tensor:
        """(N, T, K): of each tag at each step the score of the best sequence that has it, less that of the best of all.

        So the tags with a score of 0 are the Viterbi path, and the others' scores say what they would cost.
        """
        emissions = centred(emissions)
        best = self.prefixes(emissions, lambda ended: (ended.unsqueeze(2) + self.transitions).amax(1))
        best = best + self.suffixes(emissions, there)
        return best - best.amax(2, keepdim=True)

    def prefixes(self, emissions: Tensor, over: Callable[[Tensor], Tensor]) -> Tensor:
        """Scores (N, T, K) of the beginnings that end in each tag; over: of these (N, K), what goes on to each tag."""

        def follow(before: Tensor, step: tuple[Tensor]) -> tuple[Tensor, Tensor]:
            ended = before + step[0]
            return over(ended), ended

        return scan(follow, self.start.repeat(emissions.shape[0], 1), (emissions,))

    def suffixes(self, emissions: Tensor, there: Tensor) -> Tensor:
        """Scores (N, T, K) of the best ending after each tag, whose own emission is left out."""

        def precede(after: Tensor, step: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            emission, counts = step
            before = (self.transitions + (emission + after).unsqueeze(1)).amax(2)
            return torch.where(counts.unsqueeze(1), before, self.end), after.clone()

        return scan(precede, self.end.repeat(emissions.shape[0], 1), (emissions.flip(1), there.flip(1))).flip(1)


def centred(emissions: Tensor) -> Tensor:
    """Those of a step less their largest, float32, which changes no difference of sequences and keeps sums small."""
    emissions = emissions.float()
    return emissions - emissions.detach().amax(2, keepdim=True)
