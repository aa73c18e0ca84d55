"""Beam search over sentences side by side, for any network that writes a sentence token by token.

The search is the usual one (Sutskever et al. 2014, section 3.2, as in fairseq): of the continuations of a sentence's
beams, those among the likeliest B that end are finished hypotheses, and the likeliest B that do not end go on. A
sentence is over when B hypotheses are finished, or when none that goes on can still beat the best one. Hypotheses are
compared by equation 14 of Wu et al. (2016): Google's neural machine translation system, without its coverage penalty.
A greedy search is one of a single beam.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

BOS, EOS = 2, 3  # begin and end of a sentence, in every vocabulary that a network writes
LONGER = 50  # tokens of a translation beyond those of its source (Vaswani et al. 2017, section 6.1)


class State(Protocol):
    """What a network keeps of n sentences, B beams each, so that it computes nothing twice."""

    def follow(self, parents: Tensor) -> None:
        """parents: (n, B), the beam of the same sentence that each beam goes on from."""

    def keep(self, sentences: Tensor) -> None:
        """sentences: (k,), the places of those that go on."""


class Translator(Protocol):
    """padding: the token that fills up shorter sentences."""

    padding: int

    def encode(self, source: Tensor) -> Any:
        """Sentences (N, S), padded at the end, to what `begin` takes."""

    def begin(self, memory: Any, beams: int, longest: int) -> Any:
        """The state (`State`) before the first token, for up to `longest` tokens."""

    def step(self, tokens: Tensor, state: Any) -> Tensor:
        """The newest token of each beam (n, B) to logits of the next (n, B, V)."""


class Found(NamedTuple):
    """tokens: (N, T) without BOS, with EOS, then padding. scores: (N,), sums of log-probabilities over the penalty."""

    tokens: Tensor
    scores: Tensor


class Writer(nn.Module):
    """What is a `Translator`, asked for sentences. search: how, of `beam_search`, unless it is asked otherwise."""

    padding: int
    search: Mapping[str, Any] = MappingProxyType({})

    def searching(self, **search: Any) -> Self:
        """Itself, which searches so from now on."""
        self.search = search
        return self

    def write(self, source: Tensor, **search: Any) -> list[list[int]]:
        """Tokens of what it writes of each source (N, S), without begin and end; search: of `beam_search`."""
        longest = (source != self.padding).sum(1) + LONGER
        found = beam_search(self, source, longest, **{**self.search, **search}).tokens.tolist()  # type: ignore[arg-type]
        return [tokens[: tokens.index(EOS)] for tokens in found]


def penalty(length: Any, alpha: float) -> Any:
    """Of a sentence of so many tokens, EOS included; alpha: 0 for none, 1 for nearly the mean log-probability."""
    return ((5 + length) / 6) ** alpha


@torch.inference_mode()
def beam_search(
    network: Translator, source: Tensor, longest: Tensor, *, beams: int = 4, alpha: float = 0.6, shortest: int = 1
) -> Found:
    """The best translation found of each sentence; the network has to be in evaluation mode.

    source: int64 (N, S), padded at the end. longest: int64 (N,), how many tokens a translation has at most, and
    shortest, at least, both with EOS: the last that is allowed has to be EOS. alpha: of `penalty`, at least 0.
    """
    state = network.begin(network.encode(source), beams, most := int(longest.max()))
    nothing = source.new_full((len(source), most), network.padding)
    found = Found(nothing, torch.full(longest.shape, -torch.inf, device=source.device))
    rows, ended = torch.arange(len(source), device=source.device), torch.zeros_like(longest)
    prefixes = source.new_full((len(source), beams, 1), BOS)
    sums = found.scores[:, None].repeat(1, beams)
    sums[:, 0] = 0.0  # all beams begin alike: one is enough
    for length in range(1, most + 1):
        logits = network.step(prefixes[:, :, -1], state)
        scores = logits.log_softmax(2, dtype=torch.float32)
        scores = _allowed(scores, network.padding, length >= shortest, length >= longest)
        sums, parents, tokens = _continued(scores, sums)
        ends = (tokens == EOS) & (sums > -torch.inf)
        ends[:, beams:] = False
        ended += ends.sum(1)
        _note(found, rows, torch.where(ends, sums / penalty(length, alpha), -torch.inf), prefixes, parents)

        sums, chosen = sums.masked_fill(tokens == EOS, -torch.inf).topk(beams)
        # A sum only falls, and is divided by no more than the penalty of the longest.
        hopeless = sums[:, 0] / penalty(longest, alpha) <= found.scores[rows]
        over = hopeless | (ended >= beams)
        if over.all():
            break
        sums = sums.masked_fill(over[:, None], -torch.inf)
        parents, tokens = parents.gather(1, chosen), tokens.gather(1, chosen)
        state.follow(parents)
        prefixes = torch.cat([_of_beams(prefixes, parents), tokens[:, :, None]], dim=2)
        if over.sum() * 4 >= len(over):  # fewer sentences cost less, but moving what the state has of them costs too
            going = (~over).nonzero()[:, 0]
            state.keep(going)
            rows, ended, longest, sums, prefixes = (x[going] for x in (rows, ended, longest, sums, prefixes))
    return found


def greedy_search(network: Translator, source: Tensor, longest: Tensor) -> Found:
    """The likeliest token at each place: `beam_search` of one beam; its scores are sums of log-probabilities."""
    return beam_search(network, source, longest, beams=1, alpha=0.0)


def _allowed(scores: Tensor, padding: int, may_end: bool, must_end: Tensor) -> Tensor:
    """Log-probabilities (n, B, V), changed in place: -inf for tokens that can't come next; must_end: bool (n,)."""
    ends = scores[:, :, EOS].clone()
    scores[must_end] = -torch.inf
    scores[:, :, [padding, BOS]] = -torch.inf
    scores[:, :, EOS] = ends if may_end else ends.where(must_end[:, None], -torch.inf)
    return scores


def _continued(scores: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest 2 B beams with one more token, best first: sums of log-probabilities, beams, tokens, (n, 2 B) each.

    Of these at least B do not end. Of one beam no more than 2 B can be among them, so most are never summed.
    """
    beams = sums.shape[1]
    each = min(2 * beams, scores.shape[2])
    values, tokens = scores.topk(each)
    values, places = (values + sums[:, :, None]).flatten(1).topk(2 * beams)
    return values, places // each, tokens.flatten(1).gather(1, places)


def _note(found: Found, rows: Tensor, scores: Tensor, prefixes: Tensor, parents: Tensor) -> None:
    """Write where one of the hypotheses that end now, of scores (n, 2 B), is better than what was found before."""
    score, place = scores.max(1)
    better = (score > found.scores[rows]).nonzero()[:, 0]
    where, length = rows[better], prefixes.shape[2]
    found.scores[where] = score[better]
    found.tokens[where, : length - 1] = prefixes[better, parents[better, place[better]], 1:]
    found.tokens[where, length - 1] = EOS


def _of_beams(x: Tensor, parents: Tensor) -> Tensor:
    """x[n, parents[n, b]] of (n, B, T), (n, B, T)."""
    return x.gather(1, parents[:, :, None].expand(-1, -1, x.shape[2]))
