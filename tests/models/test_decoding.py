"""Beam search against plain code that decodes the whole prefix for every token, and against all sequences there are."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.data.spec import Vocabulary
from pipeline.models import transformer
from pipeline.models._decoding import BOS, EOS, Found, beam_search, greedy_search, penalty
from tests.models.test_translators import SMALL, sentences

PAD, TOKENS = 0, 30
LENGTHS, LONGEST = [9, 1, 6, 4, 12], [20, 3, 1, 14, 8]
each = pytest.mark.parametrize("name", ["post-norm", "pre-norm", "general", "dot"])


def build(name: str, seed: int = 0, tokens: int = TOKENS) -> Any:
    """With random weights, so large that sentences differ and some of them end."""
    torch.manual_seed(seed)
    module, small = SMALL[name]
    network = module.build((12,), tokens, Vocabulary(size=tokens), **small).eval()
    for parameter in network.parameters():
        parameter.data.mul_(2.0 if module is transformer else 8.0)
    return network


def log_probabilities(network: Any, source: Tensor, prefixes: list[list[int]]) -> list[list[float]]:
    """Of the token after each whole prefix, of one sentence (1, S)."""
    with torch.no_grad():
        logits = network(source.expand(len(prefixes), -1), torch.tensor(prefixes))
    return logits[:, -1].log_softmax(1).tolist()


def whole(network: Any, source: Tensor, longest: int, beams: int, alpha: float) -> tuple[list[int], float]:
    """The same search for one sentence (1, S), in lists, and to its end: nothing is left out as hopeless."""
    live, finished = [(0.0, [BOS])], []
    for length in range(1, longest + 1):
        every = []
        values = log_probabilities(network, source, [prefix for _, prefix in live])
        for (total, prefix), row in zip(live, values, strict=True):
            for token, value in enumerate(row):
                if token not in (PAD, BOS) and (length < longest or token == EOS):
                    every.append((total + value, [*prefix, token]))
        every = sorted(every, key=lambda one: -one[0])[: 2 * beams]
        ends = [one for one in every[:beams] if one[1][-1] == EOS]
        finished += [(total / ((5 + length) / 6) ** alpha, prefix[1:]) for total, prefix in ends]
        live = [one for one in every if one[1][-1] != EOS][:beams]
        if len(finished) >= beams:
            break
    score, tokens = max(finished, key=lambda one: one[0])
    return tokens, score


def texts(found: Found) -> list[list[int]]:
    """Each without its padding, which is all that may follow EOS."""
    made = []
    for row in found.tokens.tolist():
        end = row.index(EOS) + 1
        assert not any(row[end:]) and not {PAD, BOS} & set(row[:end])
        made.append(row[:end])
    return made


@each
@pytest.mark.parametrize("beams", [1, 4, 5])
def test_token_for_token_what_decoding_the_whole_prefix_gives(name: str, beams: int) -> None:
    source, lengths = sentences(LENGTHS), set()
    for seed in range(2):
        network = build(name, seed)
        found = beam_search(network, source, torch.tensor(LONGEST), beams=beams)
        for n, tokens in enumerate(texts(found)):
            expected, score = whole(network, source[n : n + 1, : LENGTHS[n]], LONGEST[n], beams, 0.6)
            assert tokens == expected
            assert found.scores[n].item() == pytest.approx(score, rel=1e-4)
            lengths.add(len(tokens))
    assert len(lengths) > 4, "some end by themselves and some are cut"


@each
def test_a_sentence_alone_gives_what_it_gives_in_a_batch(name: str) -> None:
    network, source, longest = build(name), sentences(LENGTHS), torch.tensor(LONGEST)
    together = texts(beam_search(network, source, longest))
    for n, length in enumerate(LENGTHS):
        assert texts(beam_search(network, source[n : n + 1, :length], longest[n : n + 1])) == [together[n]]


@each
def test_greedy_is_the_likeliest_token_at_each_place(name: str) -> None:
    network, source = build(name), sentences(LENGTHS)
    found = greedy_search(network, source, torch.tensor(LONGEST))
    assert texts(found) == texts(beam_search(network, source, torch.tensor(LONGEST), beams=1))
    for n, tokens in enumerate(texts(found)):
        prefix = [BOS]
        while prefix[-1] != EOS:
            (values,) = log_probabilities(network, source[n : n + 1, : LENGTHS[n]], [prefix])
            values[PAD] = values[BOS] = -torch.inf
            prefix.append(EOS if len(prefix) == LONGEST[n] else values.index(max(values)))
        assert tokens == prefix[1:]


@each
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_scores_are_sums_of_log_probabilities_over_the_penalty(name: str, alpha: float) -> None:
    network, source = build(name), sentences(LENGTHS)
    found = beam_search(network, source, torch.tensor(LONGEST), alpha=alpha)
    for n, tokens in enumerate(texts(found)):
        with torch.no_grad():
            logits = network(source[n : n + 1, : LENGTHS[n]], torch.tensor([[BOS, *tokens[:-1]]]))
        total = sum(row[token].item() for row, token in zip(logits[0].log_softmax(1), tokens, strict=True))
        assert found.scores[n].item() == pytest.approx(total / ((5 + len(tokens)) / 6) ** alpha, rel=1e-4)


def test_the_penalty_is_equation_14() -> None:
    assert penalty(1, 0.6) == 1.0 and penalty(7, 1.0) == 2.0 and penalty(40, 0.0) == 1.0
    assert penalty(torch.tensor([1, 19]), 0.5).tolist() == [1.0, 2.0]


@each
@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_wide_enough_a_beam_finds_the_best_of_all_sequences(name: str, alpha: float) -> None:
    """Of up to three tokens and EOS, in a vocabulary of 5 that can be written: EOS and four more."""
    words = [token for token in range(7) if token not in (PAD, BOS, EOS)]
    every = [[*made, EOS] for size in range(4) for made in product(words, repeat=size)]
    sizes = torch.tensor([len(made) for made in every])
    written = torch.tensor([made + [PAD] * (4 - len(made)) for made in every])
    prefixes = torch.cat([torch.full((len(every), 1), BOS), written[:, :3]], dim=1)
    source, found_sizes = torch.tensor([[4, 6, 5, 5, 4]]), set()
    for seed in range(12):
        network = build(name, seed, tokens=7)
        with torch.no_grad():
            logs = network(source.expand(len(every), -1), prefixes).log_softmax(2)
        logs = logs.gather(2, written[:, :, None])[:, :, 0].masked_fill(torch.arange(4) >= sizes[:, None], 0.0)
        best = (logs.sum(1) / ((5 + sizes) / 6) ** alpha).argmax()
        found = beam_search(network, source, torch.tensor([4]), beams=len(every), alpha=alpha)
        assert texts(found) == [every[best]]
        found_sizes.add(len(every[best]))
    assert alpha == 0 or len(found_sizes) > 1, "without a penalty the empty sentence often wins"


def test_as_long_as_is_asked_for() -> None:
    found = beam_search(build("post-norm"), sentences(LENGTHS), torch.full((5,), 15), shortest=15)
    assert [len(tokens) for tokens in texts(found)] == [15] * 5


class Chain:
    """A network whose next token depends on the one before it alone, by a table of logits (V, V)."""

    padding = PAD

    def __init__(self, table: Tensor) -> None:
        self.table, self.asked = table, 0

    def encode(self, source: Tensor) -> Tensor:
        return source

    def begin(self, memory: Tensor, beams: int, longest: int) -> "Chain":
        return self

    def step(self, tokens: Tensor, state: "Chain") -> Tensor:
        self.asked += 1
        return self.table[tokens]

    def follow(self, parents: Tensor) -> None: ...

    def keep(self, sentences: Tensor) -> None: ...


def test_it_ends_where_nothing_can_be_better_or_enough_is_finished() -> None:
    sure = Chain(torch.zeros(9, 9).index_fill(1, torch.tensor([EOS]), 5.0))
    assert texts(beam_search(sure, sentences([3, 2]), torch.tensor([50, 40]))) == [[EOS]] * 2
    assert sure.asked == 1
    rising = torch.zeros(9, 9).index_fill(1, torch.tensor([EOS]), 0.1)
    open_ended = Chain(rising)  # a long sentence may be better by so large an alpha, but four are finished before
    beam_search(open_ended, sentences([3, 2]), torch.tensor([50, 40]), alpha=5.0)
    assert open_ended.asked == 2


def test_sentences_that_are_over_cost_nothing() -> None:
    """Of two, one is over after two tokens: from then on the network is asked for the other alone."""
    network, asked = build("general"), []
    network.output.register_forward_hook(lambda module, given, made: asked.append(given[0].shape[:2].numel()))
    beam_search(network, sentences([5, 5]), torch.tensor([2, 9]), beams=3, shortest=9)
    assert asked == [6, 6] + [3] * 7
