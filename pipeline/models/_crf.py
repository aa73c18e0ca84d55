"""A linear-chain conditional random field: scores of whole sequences of tags.

Lafferty, McCallum, Pereira (2001): Conditional random fields. A sequence of tags scores the sum of its emissions, of
its transitions and of where it starts and ends; its probability is the softmax over all sequences (Lample et al. 2016,
section 2.2). Positions whose tag is not given are summed over (Tsuboi et al. 2008: Training conditional random fields
using incomplete annotations).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

IGNORED = -100  # in place of a tag that is not given, as in torch.nn.functional.cross_entropy
IMPOSSIBLE = -1e5  # a score that no sequence can make up for; -inf would make gradients that are no numbers


class CRF(nn.Module):
    """Over sequences of emissions (N, T, K), of which the first steps are there, bool (N, T), at least one."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # from, to

    def negative_log_likelihood(self, emissions: Tensor, there: Tensor, y: Tensor) -> Tensor:
        """(N,), in nats, of the tags y, int64 (N, T), whatever they are where y is IGNORED."""
        emissions = centred(emissions)
        given = y.unsqueeze(2)
        possible = (given == IGNORED) | (given == torch.arange(len(self.start), device=y.device))
        both = torch.cat([emissions, emissions.masked_fill(~possible, IMPOSSIBLE)])  # one pass for both sums
        every, those = self.log_partition(both, there.repeat(2, 1)).chunk(2)
        return every - those

    def log_partition(self, emissions: Tensor, there: Tensor) -> Tensor:
        """Logarithm (N,) of the sum over all sequences of tags of the exponential of their scores."""
        return (self.prefixes(emissions, there, torch.logsumexp)[-1] + self.end).logsumexp(1)

    def best_scores(self, emissions: Tensor, there: Tensor) -> Tensor:
        """(N, T, K): of each tag at each step the score of the best sequence that has it, short of the best of all.

        So the tags with a score of 0 are the Viterbi path, and the others' scores say what they would cost.
        """
        emissions = centred(emissions)
        best = torch.stack(self.prefixes(emissions, there, torch.amax), 1)
        best = best + torch.stack(self.suffixes(emissions, there), 1)
        return best - best.amax(2, keepdim=True)

    def prefixes(self, emissions: Tensor, there: Tensor, over: Callable[..., Tensor]) -> list[Tensor]:
        """T scores (N, K) of the beginnings that end in each tag, `over` all of them; past its end, a text's last."""
        scores = [self.start + emissions[:, 0]]
        for step in range(1, emissions.shape[1]):
            following = over(scores[-1].unsqueeze(2) + self.transitions, 1) + emissions[:, step]
            scores.append(torch.where(there[:, step, None], following, scores[-1]))
        return scores

    def suffixes(self, emissions: Tensor, there: Tensor) -> list[Tensor]:
        """T scores (N, K) of the best ending after each tag, its own emission aside."""
        scores = [self.end.expand(len(emissions), -1)]
        for step in range(emissions.shape[1] - 1, 0, -1):
            following = (self.transitions + (emissions[:, step] + scores[-1]).unsqueeze(1)).amax(2)
            scores.append(torch.where(there[:, step, None], following, self.end))
        return scores[::-1]


def centred(emissions: Tensor) -> Tensor:
    """Those of a step less their largest, which changes no difference of sequences and keeps sums small, float32."""
    emissions = emissions.float()
    return emissions - emissions.detach().amax(2, keepdim=True)
