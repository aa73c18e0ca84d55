"""A translator from its training to what is kept of it: watched by tokens, chosen, judged and served by texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch

from pipeline.cells import store
from pipeline.cells.cell import read_json
from pipeline.data import dataset, ragged
from pipeline.data.ragged import Ragged
from pipeline.data.spec import Budget
from pipeline.formats.model import open_model
from pipeline.models._decoding import LONGER
from pipeline.tasks.translation import TASK
from pipeline.training import network as networks
from tests.data import pairs
from tests.training.test_train import history

MODELS: dict[str, dict[str, Any]] = {
    "transformer": {"width": 32, "layers": 1, "heads": 2, "hidden": 64, "norm": "pre", "dropout": 0.0},
    "lstm_attention": {"width": 32, "hidden": 32, "layers": 1, "dropout": 0.0},
}
SETTING = {"data": "counting", "task": "translation", "threads": 1, "budget": {"epochs": 8}}
RECIPE = {"kind": "gradient", "batch_size": 16, "lr": 0.01, "initialisation": "xavier_uniform"}
each = pytest.mark.parametrize("name", MODELS)
pytestmark = pytest.mark.slow  # the models are trained first


@dataclass
class Made:
    data: Path
    model: Path
    predictions: Path
    judged: Path


def cell(folder: Path, entry: str, asked: dict[str, Any], **inputs: Path) -> Path:
    store.execute("0" * 32, folder, entry, asked, {name: str(path) for name, path in inputs.items()})
    return folder


def train(
    root: Path, name: str, data: Path, epochs: int = 8, args: Mapping[str, Any] = MappingProxyType({}), **recipe: Any
) -> Path:
    asked = SETTING | {
        "budget": {"epochs": epochs},
        "model": f"models/{name}",
        "view": "none",
        "args": {**MODELS[name], **args},
        "seed": 0,
    }
    asked |= {"recipe": RECIPE | recipe, "precision": "32-true", "start": None}
    return cell(root, "pipeline.training.train", asked, data=data)


def predicted(folder: Path, model: Path, data: Path) -> Path:
    return cell(folder, "pipeline.evaluate.predict", SETTING | {"baseline": ""}, model=model, data=data)


@pytest.fixture(scope="module")
def made(made_once: Callable[..., Path]) -> Callable[[str], Made]:
    def make(folder: Path) -> None:
        data = pairs.prepared(folder)
        store.seal(data, "0" * 32)
        for name in MODELS:
            model = train(folder / name, name, data)
            found = predicted(folder / f"{name}-predict", model, data)
            asked = SETTING | {"evaluator": "quality", "options": {}}
            inputs = {"model": model, "data": data, "predictions": found}
            cell(folder / f"{name}-quality", "pipeline.evaluate.evaluate", asked, **inputs)

    root = made_once("translators", make)
    return lambda name: Made(
        root / "prepared/counting", root / name, root / f"{name}-predict", root / f"{name}-quality"
    )


@each
def test_an_epoch_is_watched_by_tokens_and_choices_are_made_by_bleu(made: Callable[[str], Made], name: str) -> None:
    found = made(name)
    result, rows = read_json(found.model / "result.json"), history(found.model)
    assert list(rows[0]) == [
        "epoch", "train_loss", "train_token_accuracy", "validation_loss", "validation_token_accuracy", "lr", "seconds",
    ]  # fmt: skip
    assert [*result["validation"]] == ["bleu", "loss", "token_accuracy"] and result["writes"]
    assert result["outputs"] == result["vocabulary"]["size"] and not result["classes"]
    data = dataset.load(found.data, Budget(epochs=1), 0, ("validation",))
    references = data.sentences["validation"][:, 1].tolist()
    greedy = open_model(found.model, 1).texts(data.x["validation"], beams=1, alpha=0.0)  # type: ignore[arg-type]
    assert result["validation"]["bleu"] == sacrebleu.corpus_bleu(greedy, [references]).score > 20


@each
def test_token_accuracy_is_of_the_targets_as_they_are(made: Callable[[str], Made], name: str) -> None:
    found = made(name)
    network = networks.load_network(found.model)
    data = dataset.load(found.data, Budget(epochs=1), 0, ("validation",))
    right, count, losses = 0, 0, 0.0
    for number in range(len(data.sentences["validation"])):
        x, y = torch.from_numpy(data.x["validation"][number]), torch.from_numpy(data.y["validation"][number])
        with torch.no_grad():
            scores = network(x, y[:, :-1])[0]
        right, count = right + int((scores.argmax(1) == y[0, 1:]).sum()), count + y.shape[1] - 1
        losses += float(torch.nn.functional.cross_entropy(scores, y[0, 1:], reduction="sum"))
    kept = read_json(found.model / "result.json")["validation"]
    assert kept["token_accuracy"] == pytest.approx(right / count) and kept["loss"] == pytest.approx(
        losses / count, 1e-4
    )


@each
def test_texts_are_kept_and_judged(made: Callable[[str], Made], name: str) -> None:
    found = made(name)
    data = dataset.load(found.data, Budget(epochs=1), 0, ("validation", "test"))
    with np.load(found.predictions / "predictions.npz", allow_pickle=False) as kept:
        texts = {split: kept[split] for split in data.x}
    assert texts["test"].shape == (40, 2) and read_json(found.predictions / "costs.json")["latency_ms"] > 0
    result = read_json(found.judged / "result.json")
    values = {(split, metric): value for split, metric, value in result["values"]}
    references = [data.sentences["test"][:, 1].tolist()]
    assert values["test", "bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(texts["test"][:, 1].tolist(), references).score
    )
    assert {metric for _, metric in values} == {"bleu", "chrf", "greedy_bleu", "copied_bleu"}
    assert values["test", "bleu"] > values["test", "copied_bleu"] and "version:" in result["signature"]
    assert result["texts"][5] == dict(zip(("source", "reference"), data.sentences["test"][5], strict=True)) | {
        "greedy": texts["test"][5, 0],
        "beam": texts["test"][5, 1],
    }


@each
def test_beams_decide_what_is_judged_and_nothing_that_is_learnt(
    made: Callable[[str], Made], tmp_path: Path, name: str
) -> None:
    data, results, texts = made(name).data, {}, {}
    for beams in (4, 1):
        model = train(tmp_path / f"{beams}", name, data, 1, {} if beams == 4 else {"beams": beams})
        results[beams] = read_json(model / "result.json")
        with np.load(predicted(tmp_path / f"{beams}-predict", model, data) / "predictions.npz") as kept:
            texts[beams] = kept["validation"]
    for equal in ("weights_hash", "validation"):
        assert results[4][equal] == results[1][equal]
    assert (texts[1][:, 1] == texts[4][:, 0]).all() and (texts[4][:, 0] != texts[4][:, 1]).any()
    assert (texts[1][:, 0] == texts[4][:, 0]).all()


@each
def test_translations_are_those_of_each_source_alone(made: Callable[[str], Made], name: str) -> None:
    network = networks.load_network(made(name).model)
    x = ragged.of([[4, 5, 6], [7], [8, 9, 4, 5, 6, 7, 8], [5, 5]], 0, 8)
    together = networks.translations(network, x, beams=2)
    assert together == [networks.translations(network, x.take(np.array([n])), beams=2)[0] for n in range(4)]
    assert all(2 not in row and 3 not in row and len(row) < 8 + LONGER for row in together)
    one = networks.flops(network, x[1:2])
    assert 0 < one < networks.flops(network, x[2:3])


def test_micro_batches_of_sentences_add_up_to_the_batch(made: Callable[[str], Made], tmp_path: Path) -> None:
    """Also where their targets are of different lengths: a mean over tokens is of the whole batch's."""
    histories = [
        history(train(tmp_path / f"micro{size}", "transformer", made("transformer").data, 1, micro_batch=size))
        for size in (None, 5)
    ]
    losses = [[float(row[name]) for row in rows for name in ("train_loss", "validation_loss")] for rows in histories]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_task_asks_a_model_for_texts(made: Callable[[str], Made]) -> None:
    found = made("transformer")
    model, data = open_model(found.model, 1), dataset.load(found.data, Budget(epochs=1), 0, ("test",))
    x = data.x["test"]
    assert isinstance(x, Ragged) and TASK.answer(model, x.take(np.array([5]))).shape == (1,)
