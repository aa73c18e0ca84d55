"""What every architecture that takes tokens has to do with texts of different lengths."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from tests.models.cases import IGNORED, VOCABULARY, Case, cases, loss_of, module, of_tokens, refused

UNKNOWN, PADDING = 1, VOCABULARY.padding


def answers(network: nn.Module, x: Tensor, case: Case) -> list[Tensor]:
    """Of each text, those at padding left out."""
    with torch.no_grad():
        return [found[there] for found, there in zip(network(x), case.there(x), strict=True)]


def table(network: nn.Module) -> nn.Embedding:
    return next(part for part in network.modules() if isinstance(part, nn.Embedding))


@of_tokens
def test_padding_never_changes_an_answer(case: Case) -> None:
    """A text alone, in a batch, and in a batch padded further; the longest of a batch may have no padding."""
    network, x = case.build().eval(), case.items(8)
    together = answers(network, x, case)
    for text, answer in zip(x, together, strict=True):
        length = int((text != PADDING).sum())
        for shown in (length, (length + len(text)) // 2):
            torch.testing.assert_close(answers(network, text[None, :shown], case)[0], answer, atol=1e-5, rtol=1e-5)


@of_tokens
def test_a_text_of_one_token_and_one_of_unknown_words_have_answers(case: Case) -> None:
    network = case.build().eval()
    texts = [[7], [UNKNOWN], [7, UNKNOWN], [UNKNOWN, 7], [7, 8], [UNKNOWN] * case.shape[0]]
    found = [answers(network, torch.tensor([text]), case)[0] for text in texts]
    assert all(answer.isfinite().all() for answer in found)
    last = [answer if case.target == "class" else answer[-1] for answer in found]
    for place, one in enumerate(last):
        assert not any(torch.allclose(one, other, atol=1e-7) for other in last[:place]), texts[place]


@of_tokens
def test_a_text_without_any_token_spoils_neither_its_batch_nor_the_gradients(case: Case) -> None:
    network, x = case.build(), case.items(3)
    empty = torch.cat([x, torch.full_like(x[:1], PADDING)])
    with torch.no_grad():
        assert network.eval()(empty).isfinite().all()
    for text, answer in zip(answers(network, x, case), answers(network, empty, case)[:3], strict=True):
        torch.testing.assert_close(text, answer, atol=1e-6, rtol=1e-6)
    loss_of(network.train(), empty, case.targets(empty)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@of_tokens
def test_padding_is_a_vector_of_zeros_that_never_learns(case: Case) -> None:
    network, x = case.build().train(), case.items(8)
    loss_of(network, x, case.targets(x)).backward()
    vectors: Any = table(network).weight
    assert not vectors[PADDING].any() and not vectors.grad[PADDING].any()
    assert vectors.grad[x[0]].any(dim=1).all()


@pytest.mark.parametrize("case", [one for one in cases(kinds=("tokens",)) if one.values[0].target == "tags"])
def test_tags_that_are_not_given_teach_nothing(case: Case) -> None:
    """The loss is a mean over the tags that are given; where none is, it is no error."""
    network, x = case.build().eval(), case.items(4)
    y = case.targets(x)
    y[2:] = IGNORED
    torch.testing.assert_close(loss_of(network, x, y), loss_of(network, x[:2], y[:2]))


@of_tokens
def test_without_a_vocabulary_it_is_not_built(case: Case) -> None:
    with pytest.raises(ValueError, match="needs their `vocabulary`"):
        module(case.name).build(case.shape, 4, **case.args)


def test_what_scores_tokens_is_for_tags_and_what_scores_texts_is_not() -> None:
    for name in ("rnn", "lstm", "gru", "transformer_encoder"):
        assert "pool is" in str(refused(name, {}, "tags")) and "valid: 'none'" in str(refused(name, {}, "tags"))
        for target in ("class", "number"):
            assert not refused(name, {}, target)
            assert "it scores every token; valid: 'tags'" in str(refused(name, {"pool": "none"}, target))
        assert not refused(name, {"pool": "none"}, "tags")
    assert "it scores whole texts" in str(refused("text_cnn", {}, "tags"))
    assert "it scores every token" in str(refused("lstm_crf", {}, "class"))


@pytest.mark.slow
@of_tokens
def test_onnx_takes_any_number_of_texts_of_any_length(case: Case, tmp_path: Path) -> None:
    network, longest = case.build().eval(), case.shape[0]
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=1, max=longest)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        example, shapes, path = (case.items(2)[:, :7],), ({0: batch, 1: length},), tmp_path / "model.onnx"
        torch.onnx.export(network, example, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for count, shown in ((1, 1), (2, 5), (7, longest)):
        x = case.items(count, seed=count)[:, :shown]
        x[:, 0] = 7
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(session.run(None, {name: x.numpy()})[0], expected, atol=1e-4, rtol=1e-3)
