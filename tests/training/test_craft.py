"""What a recipe asks is what a run does, and with all of it on a killed run still ends the same."""

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.cells.cell import CHECKPOINTS, read_json
from pipeline.data import dataset
from pipeline.data.spec import Budget, Facts
from pipeline.training import network, train
from pipeline.training.ending import Ending
from pipeline.training.recipe import Gradient
from pipeline.training.update import Update
from tests.laboratory import Laboratory
from tests.training import processes

ALL_AT_ONCE: dict[str, Any] = {
    "augment": [{"name": "flip"}, {"name": "shift", "pixels": 1}],
    "mixup": 0.4,
    "cutmix": 1.0,
    "ema": 0.9,
    "l1": 1e-5,
    "l2": 1e-4,
    "max_norm": 2.0,
    "gradient_clip": 1.0,
    "gradient_clip_value": 0.5,
    "label_smoothing": 0.1,
    "best_weights": True,
    "patience": 50,
    "schedule": "cosine",
    "cycles": 2,
    "args": {"dropout": 0.2},
}
BUDGET = {"samples": 300, "validation": 100, "epochs": 4}


def rows(folder: Path, name: str = "history") -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def result(folder: Path) -> dict[str, Any]:
    return read_json(folder / "result.json")


@pytest.mark.slow
@pytest.mark.parametrize("place", [3, 9, 12])
def test_killed_with_everything_on_it_ends_with_the_same_weights(
    laboratory: Laboratory, tmp_path: Path, place: int
) -> None:
    often = {"checkpoint_seconds": 0.0}
    order = laboratory.asked("fmnist_mlp", budget={"samples": 3000, "validation": 100, "epochs": 3}, **ALL_AT_ONCE)
    whole = processes.finished(order, tmp_path / "whole", {})
    process = processes.started(order, tmp_path / "cell", often, partial(processes.die_at, place))
    process.join(60)
    assert process.exitcode == -9
    again = processes.finished(order, tmp_path / "cell", often)
    assert again["weights_hash"] == whole["weights_hash"]
    assert (tmp_path / "cell" / "health.csv").read_text() == (tmp_path / "whole" / "health.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"augment": ALL_AT_ONCE["augment"]}, ALL_AT_ONCE], ids=["augment", "everything"])
def test_two_processes_draw_and_mix_as_one_does(
    laboratory: Laboratory, tmp_path: Path, changes: dict[str, Any]
) -> None:
    changes = {**changes, "args": {}, "optimizer": "sgd", "lr": 0.05, "weight_decay": 0.0}
    order = laboratory.asked("fmnist_lenet5", budget={"samples": 333, "validation": 101, "epochs": 2}, **changes)
    one, two = (processes.finished(order, tmp_path / str(n), {"devices": n}) for n in (1, 2))
    for single, double in zip(rows(tmp_path / "1"), rows(tmp_path / "2"), strict=True):
        assert float(single["train_loss"]) == pytest.approx(float(double["train_loss"]), abs=1e-5)
    assert one["validation"]["loss"] == pytest.approx(two["validation"]["loss"], abs=1e-5)


def test_augmentation_differs_from_epoch_to_epoch_and_spares_validation(laboratory: Laboratory) -> None:
    """At a rate that changes nothing, only the loss on training items differs between epochs."""
    still: dict[str, Any] = {"lr": 1e-12, "weight_decay": 0.0, "schedule": "constant", "warmup": 0.0}
    budget = {"samples": 200, "validation": 100, "epochs": 3}
    for augment, expected in (([], 1), ([{"name": "shift", "pixels": 3}], 3)):
        found = rows(laboratory.train("fmnist_mlp", augment=augment, budget=budget, **still))
        assert len({row["train_loss"][:6] for row in found}) == expected
        assert len({row["validation_loss"] for row in found}) == 1


def test_mixing_is_refused_where_items_have_no_common_length(laboratory: Laboratory) -> None:
    reason = result(laboratory.train("japanese_vowels_gru", mixup=0.2, budget=BUDGET | {"samples": None}))["reason"]
    assert "can't be mixed" in reason


@pytest.mark.slow
def test_averaged_weights_are_what_is_judged_and_kept(laboratory: Laboratory) -> None:
    """The saved network has the validation row that is last, though that was never a network of the run: it is judged
    without dropout, by the batch-norm statistics that are saved."""
    args = {"depth": 8, "width": 4, "dropout": 0.5}
    plain = laboratory.train("fmnist_resnet20", args=args, budget=BUDGET)
    data = dataset.load(laboratory.data("fashion_mnist"), Budget(**BUDGET), 0, ("validation",))
    y = torch.from_numpy(data.y["validation"])
    for changes in ({"ema": 0.98}, {"swa": 0.5}):
        folder = laboratory.train("fmnist_resnet20", args=args, budget=BUDGET, **changes)
        assert result(folder)["weights_hash"] != result(plain)["weights_hash"]
        scores = torch.from_numpy(network.logits(network.load_network(folder), data.x["validation"]))
        told = result(folder)["validation"]
        assert float((scores.argmax(1) == y).float().mean()) == pytest.approx(told["accuracy"], abs=1e-6)
        assert float(torch.nn.functional.cross_entropy(scores, y)) == pytest.approx(told["loss"], rel=1e-4)


def test_early_stopping_ends_the_run_and_the_best_epoch_s_weights_stay(laboratory: Laboratory) -> None:
    budget = {"samples": 60, "validation": 200, "epochs": 200}
    folder = laboratory.train("digits_mlp", patience=5, min_change=0.002, best_weights=True, budget=budget)
    found, epochs = rows(folder), result(folder)["epochs"]
    scores = [float(row["validation_accuracy"]) for row in found]
    assert epochs["run"] == len(found) < 200 and epochs["ended"].startswith("early stopping after epoch")
    assert epochs["kept"] == scores.index(max(scores)) + 1 < len(found)
    data = dataset.load(laboratory.data("digits"), Budget(**budget), 0, ("validation",))
    kept = network.logits(network.load_network(folder), data.x["validation"]).argmax(1)
    assert float((kept == data.y["validation"]).mean()) == pytest.approx(max(scores), abs=1e-5)


def test_a_limit_of_items_ends_within_an_epoch_and_is_no_fault(laboratory: Laboratory) -> None:
    folder = laboratory.train("digits_mlp", items=450, batch_size=50, budget=BUDGET)
    found = rows(folder)
    assert len(found) == 2 and result(folder)["epochs"]["ended"] == "limit of 450 items after 9 updates"
    assert result(folder)["status"] == "ok" and 0 < float(found[1]["train_accuracy"]) <= 1


@pytest.mark.parametrize(("items", "updates"), [(299, 5), (300, 5), (301, 6), (664, 11), (665, 12)])
def test_a_limit_of_items_counts_the_smaller_batch_at_the_end_of_an_epoch(items: int, updates: int) -> None:
    """300 items in batches of 64: four and one of 44."""
    recipe = Gradient(kind="gradient", lr=0.1, batch_size=64, items=items)
    assert Ending(recipe, "accuracy", 300).updates == updates


def test_a_limit_of_time_ends_the_run(laboratory: Laboratory) -> None:
    folder = laboratory.train("digits_mlp", minutes=0.01, budget=BUDGET | {"epochs": 5000})
    assert result(folder)["epochs"]["ended"].startswith("limit of 0.01 minutes after ")
    assert 1 < len(rows(folder)) < 5000


@pytest.mark.slow
def test_a_limit_of_time_that_passed_before_a_kill(laboratory: Laboratory, tmp_path: Path) -> None:
    """The time is up at once, with chunks of the epoch still to be skipped: one more is trained, and the run ends."""
    order = laboratory.asked("fmnist_mlp", minutes=1e-9, budget={"samples": 3000, "validation": 100, "epochs": 3})
    late = partial(processes.die_at, 9)
    endless = (
        order[0],
        order[1].model_copy(update={"recipe": order[1].recipe.model_copy(update={"minutes": None})}),
        order[2],
    )
    process = processes.started(endless, tmp_path / "cell", {"checkpoint_seconds": 0.0}, late)
    process.join(60)
    checkpoint = tmp_path / "cell" / CHECKPOINTS[0]
    state = torch.load(checkpoint, weights_only=True)
    assert process.exitcode == -9 and state["system"]["chunk"] > 1
    owner = train.owner_of(order[1])
    torch.save(state | {"owner": owner}, checkpoint)
    found = processes.finished(order, tmp_path / "cell", {})
    assert found["epochs"]["run"] == 1 and found["epochs"]["ended"].startswith("limit of 1e-09 minutes")


def test_a_plateau_lowers_the_rate(laboratory: Laboratory) -> None:
    folder = laboratory.train("digits_mlp", schedule="plateau", plateau_epochs=1, warmup=0.0, lr=0.05,
                              budget=BUDGET | {"epochs": 25})  # fmt: skip
    rates = [float(row["lr"]) for row in rows(folder)]
    assert rates[0] == pytest.approx(0.05) and rates[-1] < 0.006 and rates == sorted(rates, reverse=True)


def test_largest_norms_hold_after_every_update(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    stepped = Update.step

    def step(self: Update, *arguments: Any) -> float:
        lr = stepped(self, *arguments)
        weights = [p for p in self.network.body.parameters() if p.ndim > 1]
        found.append(max(float(w.flatten(1).norm(dim=1).max()) for w in weights))
        return lr

    monkeypatch.setattr(Update, "step", step)
    laboratory.train("digits_cnn", max_norm=0.5, lr=0.05, budget=BUDGET)
    assert len(found) > 30 and max(found) <= 0.5 + 1e-5


@pytest.mark.parametrize(("form", "zeros"), [("penalty", False), ("proximal", True)])
def test_l1_gives_exact_zeros_only_as_a_proximal_step(laboratory: Laboratory, form: str, zeros: bool) -> None:
    changes: dict[str, Any] = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.0}
    folder = laboratory.train("digits_mlp", l1=0.05, l1_form=form, budget=BUDGET, **changes)
    weights = torch.cat([p.flatten() for p in network.load_network(folder).parameters() if p.ndim > 1])
    assert (float((weights == 0).float().mean()) > 0.2) is zeros


@pytest.mark.parametrize(("initialisation", "std"), [("truncated_normal", 0.02), ("kaiming_normal", (2 / 64) ** 0.5)])
def test_initialisation_is_a_recipe_s(laboratory: Laboratory, initialisation: str, std: float) -> None:
    _, spec, inputs = laboratory.asked("digits_mlp", initialisation=initialisation, args={"hidden": [2000]})
    data = dataset.load(inputs["data"], spec.budget, 0, ("train", "validation"))
    train.seed_everything(0, 1)
    first = next(p for p in train.assemble(spec, data).network.body.parameters() if p.ndim == 2)
    assert float(first.std()) == pytest.approx(std, rel=0.15 if "trunc" in initialisation else 0.05)


def test_order_of_memory_is_a_recipe_s(laboratory: Laboratory) -> None:
    for asked in (True, False):
        _, spec, _ = laboratory.asked("fmnist_lenet5", channels_last=asked)
        facts = Facts(kind="image", shape=[1, 28, 28], classes=[], outputs=10)
        kernel = network.build(spec, facts, (np.zeros(1), np.ones(1))).body[3].weight
        assert kernel.is_contiguous(memory_format=torch.channels_last) is asked


def test_a_loss_by_name_is_the_one_that_is_trained(laboratory: Laboratory) -> None:
    losses = {loss: float(rows(laboratory.train("digits_mlp", loss=loss, budget=BUDGET))[0]["validation_loss"])
              for loss in ("default", "cross_entropy", "squared", "hinge", "focal")}  # fmt: skip
    assert losses["default"] == losses["cross_entropy"] and len(set(losses.values())) == 4
    small: dict[str, Any] = {"args": {"filters": 8, "capsules": 2}, "budget": BUDGET}
    own, over = (laboratory.train("fmnist_capsnet_small", loss=loss, **small) for loss in ("default", "squared"))
    assert float(rows(over)[0]["validation_loss"]) < float(rows(own)[0]["validation_loss"]), "a mean, not a sum"


@pytest.mark.slow
def test_compiled_with_everything_on_it_learns_the_same(laboratory: Laboratory) -> None:
    budget = {"samples": 256, "validation": 100, "epochs": 1}
    found = [rows(laboratory.train("digits_cnn", budget=budget, compile=c, **ALL_AT_ONCE | {"args": {}}))
             for c in (False, True)]  # fmt: skip
    assert float(found[0][0]["train_loss"]) == pytest.approx(float(found[1][0]["train_loss"]), rel=1e-3)
    np.testing.assert_allclose(*[float(f[0]["validation_loss"]) for f in found], rtol=1e-2)
