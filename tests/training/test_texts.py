"""Training on texts: whatever goes through a model together, and whenever it is killed, the result is the same."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.cells.cell import CHECKPOINTS, parsed, read_json
from pipeline.data import dataset
from pipeline.data.ragged import Ragged
from pipeline.data.raw import DataError
from pipeline.data.spec import Budget
from pipeline.formats.model import open_model
from pipeline.training import train
from pipeline.training.spec import Spec
from tests.training import processes

TRAINED = ["news_cnn", "news_lstm", "news_letters", "news_svm", "treebank_lstm", "treebank_crf"]
GRAPHS = ["news_cnn", "news_lstm", "treebank_lstm"]
WHOLE = Budget(epochs=1)


def model_of(texts: Path, row: str, step: str = "") -> Path:
    artifacts = texts / "artifacts" / "laptop"
    return artifacts / "compress" / f"{row}_int8" / "seed0" / step if step else artifacts / "train" / row / "seed0"


def prepared(texts: Path, row: str) -> Path:
    return texts / "data" / "prepared" / {"news_letters": "news-letters"}.get(row, row.partition("_")[0])


@pytest.mark.parametrize(
    ("row", "step"),
    [*((row, "") for row in TRAINED), *((row, step) for row in GRAPHS for step in ("1_onnx", "2_static_int8"))],
)
def test_a_text_is_scored_alike_whatever_it_goes_with(texts: Path, row: str, step: str) -> None:
    """All together, alone, and in any order and number."""
    model, x = open_model(model_of(texts, row, step), 1), held_out(texts, row)
    expected, ends = model.scores(x), x.lengths.cumsum()
    assert len(set(x.lengths)) > 3 and expected.std() > 0.1

    def of(places: np.ndarray) -> np.ndarray:
        if len(expected) == len(x):
            return expected[places]
        return np.concatenate([expected[ends[place] - x.lengths[place] : ends[place]] for place in places])

    shuffled = np.random.default_rng(0).permutation(len(x))
    for places in (*np.arange(len(x))[:, None], shuffled, *np.split(shuffled, [3, 11])):
        np.testing.assert_allclose(model.scores(x.take(places)), of(places), atol=1e-5)


def held_out(texts: Path, row: str) -> Ragged:
    x = dataset.load(prepared(texts, row), WHOLE, 0, ("test",)).x["test"]
    assert isinstance(x, Ragged)
    return x


def test_texts_are_judged_in_batches_of_nearly_one_length(texts: Path) -> None:
    asked = parsed(Spec, read_json(model_of(texts, "news_lstm") / "spec.json"))
    spec = asked.model_copy(update={"recipe": asked.recipe.model_copy(update={"batch_size": 4})})
    data = dataset.load(prepared(texts, "news_lstm"), WHOLE, 0, ("train", "validation"))
    system, seen = train.assemble(spec, data).eval(), []
    system.network.body.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    with torch.no_grad():
        system.judge()
    lengths = np.sort(data.x["validation"].lengths)  # type: ignore[union-attr]
    assert seen == [(len(part), part.max()) for part in np.split(lengths, range(4, len(lengths), 4))]
    assert len({width for _, width in seen}) > 2


@pytest.mark.parametrize("row", ["news_lstm", "treebank_crf"])
def test_killed_and_resumed_a_row_of_texts_has_the_same_weights(texts: Path, tmp_path: Path, row: str) -> None:
    trained = model_of(texts, row)
    order = "pipeline.training.train", parsed(Spec, read_json(trained / "spec.json")), {"data": prepared(texts, row)}
    process = processes.started(order, tmp_path / "cell", {"checkpoint_seconds": 0.0}, partial(processes.die_at, 15))
    process.join(60)
    assert process.exitcode == -9 and (tmp_path / "cell" / CHECKPOINTS[0]).exists()
    resumed = processes.finished(order, tmp_path / "cell", {"checkpoint_seconds": 0.0})
    assert "going on after" in processes.log(tmp_path / "cell")
    assert resumed["weights_hash"] == read_json(trained / "result.json")["weights_hash"]


@pytest.mark.parametrize("row", ["news_cnn", "treebank_lstm"])
def test_a_budget_takes_so_many_texts_with_their_own_targets(texts: Path, row: str) -> None:
    folder = prepared(texts, row)
    whole = dataset.load(folder, WHOLE, 0, ("train", "validation"))
    fewer = dataset.load(folder, Budget(samples=12, validation=6, epochs=1), 0, ("train", "validation"))
    other = dataset.load(folder, Budget(samples=12, epochs=1), 1, ("train",))
    known = {tuple(whole.x["train"][n][0]): tuple(np.atleast_1d(whole.y["train"][n]).ravel()) for n in range(77)}
    assert len(fewer.x["train"]) == len(fewer.y["train"]) == 12 and len(fewer.x["validation"]) == 6
    for n in range(12):
        assert known[tuple(fewer.x["train"][n][0])] == tuple(np.atleast_1d(fewer.y["train"][n]).ravel())
    assert not np.array_equal(fewer.x["train"].flat(), other.x["train"].flat()), "the seed draws them"
    if row == "news_cnn":
        assert np.bincount(fewer.y["train"]).tolist() == [4, 4, 4]
        with pytest.raises(DataError, match=r"the budget's 2 train items leave a class without any"):
            dataset.load(folder, Budget(samples=2, epochs=1), 0, ("train",))
