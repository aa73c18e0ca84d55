"""Translation: tokens by hand, scores of texts as sacrebleu gives them."""

from pathlib import Path

import numpy as np
import pytest
import sacrebleu
import torch
from torch import nn
from torch.nn import functional

from pipeline.cells import store
from pipeline.data import dataset, ragged
from pipeline.data.dataset import IGNORED
from pipeline.data.raw import DataError
from pipeline.data.spec import Budget
from pipeline.formats.model import open_model
from pipeline.tasks.translation import TASK
from pipeline.training.recipe import Gradient
from tests.data import pairs
from tests.training.test_translation import train

TARGETS = [[2, 7, 5, 3], [2, 3], [2, 4, 3]]  # begin 2, end 3
ANSWERS = [7, 5, 3, 3, 4, 3]


class Echo(nn.Module):
    """Logits that say each token of the target it is given, and remembers that target."""

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.given = target
        return 9.0 * functional.one_hot(target, 9).float()


def padded() -> torch.Tensor:
    return torch.from_numpy(ragged.of(TARGETS, IGNORED, 6, "int64")[:])


def test_a_network_is_given_the_tokens_before_each_answer() -> None:
    body, y = Echo(), padded()
    scores = TASK.scored(TASK.forward(body, torch.zeros(3, 1), y), y)
    assert body.given.tolist() == [[2, 7, 5], [2, 3, 0], [2, 4, 3]]  # what stands behind an end is not counted
    assert scores.argmax(1).tolist() == [2, 7, 5, 2, 2, 4] and TASK.answers(y).tolist() == ANSWERS
    assert TASK.answers(ragged.of(TARGETS, IGNORED, 6, "int64")).tolist() == ANSWERS


def test_the_loss_is_a_mean_over_tokens_with_the_smoothing_of_the_paper() -> None:
    torch.manual_seed(0)
    scores, y = torch.randn(6, 9), torch.tensor(ANSWERS)
    wanted = 0.9 * functional.one_hot(y, 9) + 0.1 / 9
    by_hand = -(wanted * scores.log_softmax(1)).sum() / 6
    assert TASK.loss_of(Gradient(kind="gradient"))(scores, y, None, 0.1) == pytest.approx(float(by_hand), rel=1e-6)


def test_states_of_batches_add_up_to_token_accuracy() -> None:
    scores, y = functional.one_hot(torch.tensor([7, 5, 0, 3, 0, 0]), 9), torch.tensor(ANSWERS)
    state = sum(TASK.state(a, b) for a, b in zip(scores.split(2), y.split(2), strict=True)).tolist()
    assert TASK.value(state, y) == 3 / 6 and (TASK.metric, TASK.watched) == ("bleu", "token_accuracy")


@pytest.mark.slow  # a small translator is trained first
def test_texts_are_judged_as_sacrebleu_does(tmp_path: Path) -> None:
    folder = pairs.prepared(tmp_path)
    store.seal(folder, "0" * 32)
    data = dataset.load(folder, Budget(epochs=1), 0, ("validation",))
    model, bleu = open_model(train(tmp_path / "cell", "transformer", folder, 2), 1), sacrebleu.corpus_bleu
    found, truth = TASK.predictions(model, data, "validation"), TASK.truth(data, "validation")
    x, references = data.x["validation"], [data.sentences["validation"][:, 1].tolist()]
    greedy, beam = model.texts(x, beams=1, alpha=0.0), model.texts(x)  # type: ignore[arg-type]
    assert found.tolist() == [[*pair] for pair in zip(greedy, beam, strict=True)] and greedy != beam
    values = dict(TASK.quality(found, truth))
    assert values.pop("signature").startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert values == {
        "bleu": bleu(beam, references).score,
        "chrf": sacrebleu.corpus_chrf(beam, references).score,
        "greedy_bleu": bleu(greedy, references).score,
        "copied_bleu": bleu(truth[:, 0].tolist(), references).score,
    }
    assert values["bleu"] != values["greedy_bleu"] > 0
    assert TASK.validated(model, data) == {"bleu": values["greedy_bleu"]}
    row = dict(zip(("source", "reference", "greedy", "beam"), (*truth[2], greedy[2], beam[2]), strict=True))
    assert TASK.written(found, truth)[2] == row and row["source"] != row["reference"]
    assert TASK.format(12.345) in ("12.35 BLEU", "12.34 BLEU")


def test_labels_that_are_no_texts_are_refused() -> None:
    with pytest.raises(DataError, match="1 of 2 targets are no texts: 3"):
        TASK.encode(np.array(["a", 3], object), None)
