"""Fine-tuning a small BERT from a folder of weights: what of it is trained, and what is kept of that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from pipeline.cells.cell import Execution, write_json
from pipeline.data.batches import Batches
from pipeline.data.kinds import KINDS
from pipeline.data.ragged import Ragged
from pipeline.data.spec import Budget, Vocabulary
from pipeline.models import bert
from pipeline.tasks._task import find
from pipeline.training import features, lora, network, train, transfer
from pipeline.training.blocks import replace
from pipeline.training.recipe import Gradient
from pipeline.training.spec import Spec
from pipeline.training.start import Start
from pipeline.training.system import System

WORDS, LONGEST, ITEMS, CLASSES = 50, 20, 60, 3
ARGS: dict[str, Any] = {"layers": 3, "width": 16, "heads": 2, "hidden": 32, "positions": LONGEST}
LORA: dict[str, Any] = {"train": "lora", "rank": 4, "alpha": 8.0}


class Killed(BaseException):
    """Stands for a kill: nothing in the way of training may catch it."""


class Texts(network.Network):
    """Tokens go into the body as they are."""

    def prepare(self, x: Tensor) -> Tensor:
        return x.long()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cell of a folder of weights, which transformers has written."""
    folder, cell = tmp_path_factory.mktemp("weights"), tmp_path_factory.mktemp("cell")
    torch.manual_seed(7)
    sizes = {theirs: ARGS[own] for theirs, own in bert.OPTIONS.items()}
    BertModel(BertConfig(vocab_size=WORDS, **sizes)).save_pretrained(folder)
    write_json(cell / "result.json", {"status": "ok"})
    write_json(cell / "card.json", {"title": "mine", "path": str(folder)})
    return cell


def fresh(pool: str = "mean") -> torch.nn.Module:
    return bert.build((LONGEST,), CLASSES, Vocabulary(size=WORDS), pool=pool, **ARGS)  # type: ignore[arg-type]


def texts(count: int, seed: int) -> tuple[Ragged, np.ndarray]:
    """Texts of different lengths, whose class is that of their first token."""
    draws = np.random.default_rng(seed)
    bounds = np.concatenate([[0], draws.integers(1, LONGEST + 1, count).cumsum()])
    values = draws.integers(1, WORDS, bounds[-1]).astype(np.int32)
    return Ragged(values, bounds, 0, LONGEST), values[bounds[:-1]].astype(np.int64) % CLASSES


def begun(source: Path, start: dict[str, Any], pool: str = "mean", made: Path | None = None, **recipe: Any) -> System:
    """A system that has begun as `start` says. made: its features cell. Words of `recipe` replace the usual ones."""
    given = Gradient(kind="gradient", **{"lr": 0.01, "optimizer": "adamw", "batch_size": 8, **recipe})
    spec = Spec(
        data="texts",
        task="classification",
        budget=Budget(epochs=3),
        threads=1,
        seed=0,
        model="models/bert",
        view="none",
        args={**ARGS, "pool": pool},
        recipe=given,
        precision="32-true",
        start=Start(weights="./mine", **start),
    )
    train.seed_everything(0, 1)
    kind, parts = KINDS["tokens"], []
    for seed, size in ((0, given.batch_size), (1, 1000)):
        x, y = texts(ITEMS, seed)
        parts.append(Batches(kind, x, y, size, 0))
    whole = Texts(fresh(pool), "none", kind, torch.zeros(1), torch.ones(1))
    return transfer.begin(System(whole, find("classification"), given, *parts, 3), spec, source, made)


def trained(system: System, folder: Path, **execution: Any) -> dict[str, Tensor]:
    """Weights of the body after training."""
    folder.mkdir(exist_ok=True)
    train.fit(system, "32-true", folder, execution=Execution(**{"checkpoint_seconds": None, **execution}))
    return {name: t.detach().clone() for name, t in system.network.body.state_dict().items()}


def state(system: System) -> dict[str, Tensor]:
    return {name: t.detach().clone() for name, t in system.network.body.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


# the last blocks


@pytest.mark.parametrize("layers", [1, 2])
def test_top_trains_the_last_blocks_and_the_head_and_nothing_below(source: Path, tmp_path: Path, layers: int) -> None:
    system = begun(source, {"train": "top", "layers": layers})
    before, graphs = state(system), []
    for layer in system.network.body.layers:  # type: ignore[union-attr]
        layer.register_forward_hook(lambda module, _, out: graphs.append(out.requires_grad == module.training))
    after = trained(system, tmp_path)
    parts = [f"layers.{number}." for number in range(3 - layers, 3)]
    assert changed(before, after) == {n for n in before if n.startswith((*parts, "head."))}
    assert all(graphs[:3]), "what is frozen runs without a graph, and what drops out there does not"


def test_more_blocks_than_there_are_above_the_first_is_all(source: Path) -> None:
    with pytest.raises(ValueError, match="layers is 4, but below the last 3 is only the first; set train all"):
        begun(source, {"train": "top", "layers": 4})


# LoRA


def test_lora_trains_its_matrices_and_the_head_alone(source: Path, tmp_path: Path) -> None:
    system = begun(source, LORA)
    x, y = system.batches["train"].part(0, 8), system.batches["train"].y[:8]
    system.objective.loss(system.network.body, x.long(), y)[0].backward()
    trains = {name for name, p in system.network.body.named_parameters() if p.grad is not None}
    assert len(trains) == 3 * len(bert.LORA) * 2 + 2
    assert all("lora_" in name or name.startswith("head.") for name in trains)
    before = {name.replace(".base_layer", ""): tensor for name, tensor in state(system).items()}
    after = trained(system, tmp_path)
    expected = {f"layers.{n}.attention.self.{part}.weight" for n in range(3) for part in bert.LORA}
    assert changed(before, after) == expected | {"head.weight", "head.bias"}
    assert {"head"} < {row["layer"] for row in system.health.rows if row["layer"] == "head" or "lora_" in row["layer"]}


def test_what_is_kept_of_lora_is_a_network_like_any_other(source: Path, tmp_path: Path) -> None:
    system = begun(source, LORA, ema=0.5)
    after = trained(system, tmp_path)
    plain = fresh().eval()
    plain.load_state_dict(after)
    x = system.batches["validation"].part(0, ITEMS)
    with torch.no_grad():
        scores = plain(x.long())
    right = (scores.argmax(1) == system.batches["validation"].y).double().mean().item()
    assert system.history[-1]["validation_accuracy"] == pytest.approx(right), "it was judged before it was merged"
    assert sum(p.numel() for p in system.network.body.parameters()) == sum(p.numel() for p in plain.parameters())


@torch.no_grad()
def test_merged_matrices_give_what_they_gave_beside_their_layers() -> None:
    torch.manual_seed(0)
    body, x = fresh().eval(), torch.from_numpy(texts(ITEMS, 0)[0][:]).long()
    first = body(x)
    lora.add(body, bert.LORA, 4, 8.0)
    torch.testing.assert_close(body(x), first, atol=0, rtol=0)
    for name, parameter in body.named_parameters():
        if "lora_" in name:
            parameter.normal_(std=0.3)
    beside = body(x)
    assert (beside - first).abs().max() > 0.01
    lora.merge(body)
    torch.testing.assert_close(body(x), beside, atol=1e-5, rtol=0)
    assert body.state_dict().keys() == fresh().state_dict().keys()
    assert all(parameter.requires_grad for parameter in body.parameters())


@pytest.mark.parametrize("start", [LORA, {"train": "top", "layers": 1}])
@pytest.mark.parametrize("recipe", [{}, {"ema": 0.9, "l2": 0.01, "best_weights": False}])
def test_a_killed_run_resumes_to_the_same_weights(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: dict[str, Any], recipe: dict[str, Any]
) -> None:
    expected = trained(begun(source, start, **recipe), tmp_path / "whole")
    validated: Callable[..., None] = System.validation_step

    def killed(self: System, chunk: int, index: int) -> None:
        if self.epoch == 2:
            raise Killed
        validated(self, chunk, index)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(System, "validation_step", killed)
        trained(begun(source, start, **recipe), tmp_path / "killed", checkpoint_seconds=0.0)
    again = begun(source, start, **recipe)
    found = trained(again, tmp_path / "killed")
    assert len(again.history) == 3 and not changed(expected, found)
    assert found.keys() == expected.keys()


# features that are computed once


def test_features_of_texts_are_computed_with_texts_of_their_length(source: Path) -> None:
    """Each is what the network sees of the text alone; padding is a small part of what goes through."""
    whole, x = begun(source, {}), texts(10 * features.TEXTS, 0)[0]
    body, seen = whole.network.body, []
    with body.register_forward_hook(lambda _, given, out: seen.append(given[0].numel())):
        made = features.of(whole.network, x)
    assert len(seen) == 10 and sum(seen) < 1.15 * x.lengths.sum()
    assert made.shape == (len(x), 16) and made.dtype == np.float32
    head = replace(body, "head", torch.nn.Identity())
    with torch.no_grad():
        alone = torch.cat([body(torch.from_numpy(x[place : place + 1]).long()) for place in range(len(x))])
    torch.testing.assert_close(torch.from_numpy(made), alone, atol=1e-5, rtol=0)
    replace(body, "head", head)


def test_a_head_over_a_frozen_body_of_texts_learns(source: Path, tmp_path: Path) -> None:
    whole = begun(source, {})
    for split, batches in whole.batches.items():
        np.save(tmp_path / f"{split}.npy", features.of(whole.network, batches.x))
    write_json(tmp_path / "result.json", {"status": "ok"})
    top = begun(source, {"train": "head"}, made=tmp_path)
    trained(top, tmp_path / "trained")
    assert top.network.body.in_features == 16
    assert top.history[-1]["train_loss"] < top.history[0]["train_loss"]


def test_what_scores_every_token_has_no_features_of_a_text(source: Path) -> None:
    with pytest.raises(ValueError, match="scores every token has no features of a whole text; set train top or lora"):
        features.of(begun(source, {}, pool="none").network, texts(ITEMS, 0)[0])
