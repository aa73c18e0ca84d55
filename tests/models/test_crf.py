"""The conditional random field against all sequences of tags, one by one."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.data.spec import Vocabulary
from pipeline.models import lstm_crf
from pipeline.models._crf import CRF, IGNORED

TAGS, LENGTHS = 3, [5, 1, 3, 4]


def field(seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[CRF, Tensor, Tensor]:
    """A field with random scores, emissions (N, T, K), and which steps are there."""
    generator = torch.Generator().manual_seed(seed)
    crf = CRF(TAGS)
    for parameter in crf.parameters():
        parameter.data.normal_(std=2.0, generator=generator)
    emissions = 2 * torch.randn(len(LENGTHS), max(LENGTHS), TAGS, generator=generator, dtype=dtype)
    return crf, emissions.requires_grad_(), torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


def every(crf: CRF, emissions: Tensor) -> dict[tuple[int, ...], Tensor]:
    """The score of each sequence of tags of one sentence, emissions (T, K)."""
    scores = {}
    for tags in product(range(TAGS), repeat=len(emissions)):
        score = crf.start[tags[0]] + crf.end[tags[-1]] + sum(emissions[step, tag] for step, tag in enumerate(tags))
        scores[tags] = score + sum(crf.transitions[a, b] for a, b in zip(tags, tags[1:], strict=False))
    return scores


def gradients(crf: CRF, emissions: Tensor, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [emissions, *crf.parameters()]))


def test_the_partition_is_the_sum_over_all_sequences() -> None:
    crf, emissions, there = field()
    expected = [
        torch.stack([*every(crf, e[:n]).values()]).logsumexp(0) for e, n in zip(emissions, LENGTHS, strict=True)
    ]
    torch.testing.assert_close(crf.log_partition(emissions, there), torch.stack(expected))


@pytest.mark.parametrize("given", [1.0, 0.5, 0.0], ids=["all tags", "some tags", "no tag"])
def test_the_loss_and_its_gradients_are_those_of_all_sequences_with_the_given_tags(given: float) -> None:
    crf, emissions, there = field()
    generator = torch.Generator().manual_seed(2)
    y = torch.randint(TAGS, there.shape, generator=generator)
    y[~there | (torch.rand(there.shape, generator=generator) >= given)] = IGNORED
    expected = []
    for e, tags, n in zip(emissions, y.tolist(), LENGTHS, strict=True):
        scores = every(crf, e[:n])
        fits = [s for t, s in scores.items() if all(b in (a, IGNORED) for a, b in zip(t, tags[:n], strict=True))]
        expected.append(torch.stack([*scores.values()]).logsumexp(0) - torch.stack(fits).logsumexp(0))
    found = crf.negative_log_likelihood(emissions, there, y)
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-5, rtol=1e-5)
    ours, theirs = (gradients(crf, emissions, loss.sum()) for loss in (found, torch.stack(expected)))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_scores_are_those_of_all_sequences_and_their_largest_is_the_viterbi_path(seed: int) -> None:
    crf, emissions, there = field(seed)
    with torch.no_grad():
        found = crf.best_scores(emissions, there)
        for e, n, answer in zip(emissions, LENGTHS, found, strict=True):
            scores = every(crf, e[:n])
            best = max(scores, key=lambda tags: scores[tags])
            assert tuple(answer[:n].argmax(1).tolist()) == best
            for step, tag in product(range(n), range(TAGS)):
                through = max(score for tags, score in scores.items() if tags[step] == tag)
                torch.testing.assert_close(answer[step, tag], through - scores[best], atol=1e-5, rtol=1e-5)


def test_a_sentence_of_500_tokens_is_as_exact_in_32_bits_as_in_64() -> None:
    crf, _, _ = field()
    emissions = 10 * torch.randn(2, 500, TAGS, generator=torch.Generator().manual_seed(0)) + 100
    there = torch.arange(500) < torch.tensor([[500], [321]])
    y = emissions.argmax(2).masked_fill(~there, IGNORED)
    loss = crf.negative_log_likelihood(emissions, there, y)
    loss.sum().backward()
    assert loss.isfinite().all() and all(p.grad.isfinite().all() for p in crf.parameters())
    with torch.no_grad():
        tags = crf.best_scores(emissions, there).argmax(2)
        for n, length in enumerate((500, 321)):
            exact, path = in_64_bits(crf, emissions[n, :length].double(), y[n, :length])
            torch.testing.assert_close(loss[n].double(), exact, atol=1e-2, rtol=1e-5)
            assert tags[n, :length].tolist() == path


def in_64_bits(crf: CRF, emissions: Tensor, y: Tensor) -> tuple[Tensor, list[int]]:
    """Loss of one sentence, and its Viterbi path by pointers back."""
    start, end, transitions = (p.double() for p in (crf.start, crf.end, crf.transitions))
    every, best, back = start + emissions[0], start + emissions[0], []
    for emission in emissions[1:]:
        every = (every[:, None] + transitions).logsumexp(0) + emission
        best, before = (best[:, None] + transitions).max(0)
        best = best + emission
        back.append(before.tolist())
    path = [int((best + end).argmax())]
    for before in reversed(back):
        path.insert(0, before[path[0]])
    score = start[y[0]] + end[y[-1]] + emissions.gather(1, y[:, None]).sum() + transitions[y[:-1], y[1:]].sum()
    return (every + end).logsumexp(0) - score, path


def test_in_use_the_network_answers_with_its_best_sequence_whatever_the_other_sentences_are() -> None:
    torch.manual_seed(0)
    network: Any = lstm_crf.build((6,), TAGS, Vocabulary(size=20), hidden=8, embedding=8).eval()
    for parameter in network.crf.parameters():
        parameter.data.normal_(std=2.0)
    x = torch.randint(1, 20, (5, 6))
    for n in range(5):
        x[n, 6 - n :] = 0
    with torch.no_grad():
        found, (emissions, there) = network(x).argmax(2), network.emissions.scored(x)
        assert not torch.equal(found[there], emissions.argmax(2)[there]), "else the field changes nothing"
        for tags, e, n in zip(found, emissions, there.sum(1).tolist(), strict=True):
            scores = every(network.crf, e[:n])
            assert tuple(tags[:n].tolist()) == max(scores, key=lambda t: scores[t])
        y = found.masked_fill(~there, IGNORED)
        assert torch.equal(network.training_loss(x, y)[1], network(x)), "what validation judges is what is served"


def test_it_learns_that_a_tag_never_follows_another() -> None:
    """Tags in turn, of which the tokens say nothing: only transitions can know, and the start."""
    torch.manual_seed(0)
    crf, y = CRF(2), torch.arange(6).expand(4, 6) % 2
    emissions, there = torch.zeros(4, 6, 2), torch.ones(4, 6, dtype=torch.bool)
    optimizer = torch.optim.Adam(crf.parameters(), 0.2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = crf.negative_log_likelihood(emissions, there, y).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 and torch.equal(crf.best_scores(emissions, there).argmax(2), y)
