"""Micro-batches give what the whole batch gives, by hand or because memory asked for them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.cells.cell import parsed, read_json
from pipeline.config.loading import load
from pipeline.data import dataset
from pipeline.data.spec import Budget
from pipeline.pretraining import pretrain
from pipeline.training import network as networks
from pipeline.training import train
from pipeline.training.feed import Share
from pipeline.training.memory import halving, micro_batches
from pipeline.training.system import System
from tests.laboratory import Laboratory
from tests.sources import ROOT

FLOAT = 1e-5
PLAIN: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "schedule": "constant", "batch_size": 50}
BUDGET = {"samples": 1013, "validation": 300, "epochs": 1}  # 20 batches of 50 and one of 13


class Cramped(nn.Module):
    """A network on a device whose memory holds `room` items at once."""

    def __init__(self, body: nn.Module, room: int) -> None:
        super().__init__()
        self.body, self.room, self.most = body, room, 0

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.body(x)  # noise is drawn before memory ends
        if len(x) > self.room:
            raise torch.OutOfMemoryError(f"no room for {len(x)} items")
        self.most = max(self.most, len(x))
        return scores


def trained(laboratory: Laboratory, folder: Path, key: str, room: int | None = None, **changes: Any) -> System:
    """After a run; losses of its updates are in `losses`."""
    _, spec, inputs = laboratory.asked(key, **{"budget": BUDGET, **PLAIN, **changes})
    data = dataset.load(inputs["data"], spec.budget, spec.seed, ("train", "validation"))
    train.seed_everything(spec.seed, 1)
    system = Recorded.of(train.assemble(spec, data))
    if room:
        system.network.body = Cramped(system.network.body, room)
    folder.mkdir()
    train.fit(system, spec.precision, folder)
    return system


class Recorded(System):
    """Keeps the loss of every update."""

    losses: list[float]

    @classmethod
    def of(cls, system: System) -> "Recorded":
        system.__class__ = cls
        system.losses = []  # type: ignore[assignment]
        return system  # type: ignore[return-value]

    def _count(self, chunk: int, losses: Tensor, *others: Any) -> None:
        self.losses += losses.tolist()
        super()._count(chunk, losses, *others)


@pytest.mark.parametrize(
    ("key", "micro_batch", "changes"),
    [
        ("fmnist_mlp", 1, {}),
        ("fmnist_mlp", 7, {}),
        ("fmnist_mlp", 49, {}),
        ("fmnist_mlp", 7, {"sampling": "weighted"}),
        ("fmnist_mlp", 7, {"gradient_clip": 0.1}),
        ("fmnist_lenet5", 7, {}),
        ("fmnist_lenet5", 25, {"sampling": "weighted"}),
        ("fmnist_capsnet_small", 7, {"args": {"filters": 8, "capsules": 2}}),
    ],
)
def test_micro_batches_have_the_losses_of_the_whole(
    laboratory: Laboratory, tmp_path: Path, key: str, micro_batch: int, changes: dict[str, Any]
) -> None:
    """Class weights, a clipped norm and a network's own loss included."""
    whole = trained(laboratory, tmp_path / "whole", key, **changes)
    parts = trained(laboratory, tmp_path / "parts", key, micro_batch=micro_batch, **changes)
    assert len(whole.losses) == 21  # type: ignore[attr-defined]
    np.testing.assert_allclose(parts.losses, whole.losses, atol=FLOAT, rtol=FLOAT)  # type: ignore[attr-defined]
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    assert [parts.history[0][n] for n in names] == pytest.approx([whole.history[0][n] for n in names], abs=1e-4)


def weights(system: System) -> str:
    return networks.weights_hash({n.replace("body.body.", "body."): t for n, t in system.network.state_dict().items()})


@pytest.mark.parametrize(("room", "fits"), [(49, 25), (13, 13), (12, 7), (1, 1)])
def test_too_little_memory_is_a_smaller_micro_batch(
    laboratory: Laboratory, tmp_path: Path, capsys: pytest.CaptureFixture[str], room: int, fits: int
) -> None:
    """Found by halving: the same weights to the bit, noise included, as with that micro-batch from the start."""
    changes = {"args": {"hidden": [32], "dropout": 0.2}, "budget": {**BUDGET, "samples": 513}}
    found = trained(laboratory, tmp_path / "cramped", "fmnist_mlp", room=room, **changes)
    said = capsys.readouterr().out
    asked = trained(laboratory, tmp_path / "asked", "fmnist_mlp", micro_batch=fits, **changes)
    assert found.micro_batch == fits and found.network.body.most <= room
    assert weights(found) == weights(asked)
    assert "out of memory with 50 items at once; going on with 25" in said
    assert found.history[0]["validation_accuracy"] == asked.history[0]["validation_accuracy"]


def test_no_room_for_one_item_is_an_error(laboratory: Laboratory, tmp_path: Path) -> None:
    with pytest.raises(torch.OutOfMemoryError, match="no room for 1 items"):
        trained(laboratory, tmp_path / "cell", "fmnist_mlp", room=-1)


def test_a_cell_says_that_it_was_halved(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = networks.build

    def cramped(*arguments: Any) -> networks.Network:
        network = build(*arguments)
        network.body.register_forward_pre_hook(refuse)
        return network

    def refuse(module: nn.Module, inputs: tuple[Tensor]) -> None:
        if len(inputs[0]) > 20:
            raise torch.OutOfMemoryError

    plain = laboratory.train("digits_mlp", folder=tmp_path / "plain")
    monkeypatch.setattr(networks, "build", cramped)
    halved = laboratory.train("digits_mlp", folder=tmp_path / "halved")
    costs = [read_json(folder / "costs.json") for folder in (plain, halved)]
    assert "micro_batch" not in costs[0] and costs[1]["micro_batch"] == 16
    assert read_json(halved / "result.json").keys() == read_json(plain / "result.json").keys()


@pytest.mark.parametrize(("items", "size"), [(50, 7), (50, 50), (50, 49), (3, 2), (1, 1), (0, 4)])
def test_micro_batches_are_all_of_a_share_and_none_is_left_over_alone(items: int, size: int) -> None:
    x = torch.arange(items)
    parts = [part for part, _, _ in micro_batches(Share(x, x, x), size)]
    sizes = [len(part) for part in parts]
    assert sum(sizes) == items and (not parts or torch.cat(parts).equal(x))
    assert max(sizes, default=0) <= size and max(sizes, default=0) - min(sizes, default=0) <= 1
    assert 1 not in sizes or size < 3 or items == 1


def test_a_loss_that_compares_items_is_never_halved(laboratory: Laboratory, tmp_path: Path) -> None:
    """Half of the negatives would be another objective."""
    entry = load(ROOT / "params.yaml").pretraining["fmnist_simclr"]
    _, spec, inputs = laboratory.asked("fmnist_resnet20", args={"depth": 8, "width": 2}, batch_size=20)
    data = dataset.load(inputs["data"], Budget(samples=40, validation=20, epochs=1), 0, ("train", "validation"))
    for training, room in ((True, 39), (False, 39), (False, 40)):  # two views of each item
        asked = {**dict(spec), "method": entry.method, "options": entry.options}
        system, _ = pretrain.assemble(parsed(pretrain.Spec, asked), data)
        system.network.body.encoder = cramped = Cramped(system.network.body.encoder, room)  # type: ignore[union-attr]
        if training:
            (tmp_path / "cell").mkdir()
            work = partial(train.fit, system, "32-true", tmp_path / "cell")
        else:
            work = torch.no_grad()(system.judge)
        if room == 40:
            work()
            assert cramped.most == 40, "validation is judged in batches of the same size"
            continue
        with pytest.raises(torch.OutOfMemoryError, match="no room for 40") as caught:
            work()
        assert "set a smaller batch_size" in caught.value.__notes__[0]
        assert not cramped.most, "nothing has gone through in smaller parts"


def test_halving_draws_the_noise_that_the_first_try_drew() -> None:
    def run(limit: int) -> Tensor:
        noise = torch.rand(3)
        if limit > 4:
            raise torch.OutOfMemoryError
        return noise

    torch.manual_seed(0)
    found, limit = halving(run, 10)
    torch.manual_seed(0)
    assert limit == 3 and found.equal(torch.rand(3))
