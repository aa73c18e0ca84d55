"""On a GPU: whatever can be trained trains in every precision, resumes, repeats itself, and agrees with the processor.

Nothing here is run where there is no GPU, so each test is of what only a GPU does otherwise.
"""

import csv
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline import introspection
from pipeline.cells.cell import read_json
from pipeline.data.augment import Augmentation
from pipeline.data.batches import generator
from pipeline.models import lenet5, lstm, resnet
from pipeline.training import compiled, optimizers, randomness
from pipeline.training.recipe import Gradient
from pipeline.training.train import seed_everything
from tests.data.augmenting import SHAPES, items
from tests.laboratory import Laboratory
from tests.models.cases import Case, each, loss_of
from tests.training import processes

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
PRECISIONS = ["32-true", "bf16-mixed", "16-mixed"]
DTYPES = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
BUDGET = {"samples": None, "validation": None, "epochs": 6}
SHORT = {"samples": 1000, "validation": 200, "epochs": 2}
CONSTANT: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "schedule": "constant", "weight_decay": 0.0}


def history(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("changes", [{}, {"tf32": True}, {"gradient_clip": 1.0}], ids=["plain", "tf32", "clipped"])
def test_a_network_trains_on_a_gpu(laboratory: Laboratory, precision: str, changes: dict[str, Any]) -> None:
    folder = laboratory.train("digits_cnn", precision=precision, budget=BUDGET, **changes)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85
    assert torch.cuda.get_device_name() in read_json(folder / "costs.json")["hardware"]
    assert (torch.get_float32_matmul_precision() == "high") == ("tf32" in changes)
    values = laboratory.evaluate(folder)
    assert values["status"] == "ok"  # on the processor


@pytest.mark.parametrize("precision", PRECISIONS)
@each
def test_every_architecture_gets_gradients_and_makes_a_step(case: Case, precision: str) -> None:
    seed_everything(0, 1)
    network, x = case.build().cuda().train(), case.items(8)
    if introspection.constant(f"models/{case.name}", "CHANNELS_LAST", False):
        network = network.to(memory_format=torch.channels_last)
    x, y = x.cuda(), case.targets(x).cuda()
    optimizer = optimizers.optimizer(network, Gradient(kind="gradient"))
    before = [p.detach().clone() for p in network.parameters()]
    with torch.autocast("cuda", DTYPES[precision], enabled=precision != "32-true", cache_enabled=False):
        loss_of(network, x, y).backward()
        optimizer.step()
    for where, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), where
        assert parameter.isfinite().all(), where
    assert any(not torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sgd", {"lr": 0.05, "momentum": 0.9}),
        ("adam", {}),
        ("adamw", {"gradient_clip_value": 0.1}),
        ("rmsprop", {"lr": 0.001, "momentum": 0.9}),
        ("adagrad", {"lr": 0.01}),
        ("muon", {"momentum": 0.95, "lr": 0.01}),
    ],
)
def test_every_optimizer_learns(laboratory: Laboratory, name: str, changes: dict[str, Any], precision: str) -> None:
    folder = laboratory.train("digits_mlp", precision=precision, budget=BUDGET, optimizer=name, **changes)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.7


RECIPES: dict[str, dict[str, Any]] = {
    "ema": {"ema": 0.9},
    "swa": {"swa": 0.5, "schedule": "constant", "warmup": 0.0},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
    "bayesian": {"last_layer": "bayesian", "weight_decay": 0.0},
    "weighted": {"sampling": "weighted"},
    "balanced": {"sampling": "balanced"},
    "penalties": {"l1": 1e-5, "l2": 1e-5, "max_norm": 2.0},
    "proximal": {"l1": 1e-6, "l1_form": "proximal"},
    "micro-batches": {"micro_batch": 7},
    "stopped": {"patience": 1, "best_weights": True},
    "plateau": {"schedule": "plateau"},
    "focal": {"loss": "focal"},
    "hinge": {"loss": "hinge"},
    "initialised": {"initialisation": "orthogonal"},
    "channels last": {"channels_last": True},
}


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_every_recipe_trains(laboratory: Laboratory, changes: dict[str, Any], precision: str) -> None:
    folder = laboratory.train("digits_cnn", precision=precision, budget={**BUDGET, "epochs": 4}, **changes)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.5


def test_numbers_are_predicted(laboratory: Laboratory) -> None:
    folder = laboratory.train("diabetes_mlp", precision="bf16-mixed", budget={**BUDGET, "epochs": 40})
    assert read_json(folder / "result.json")["validation"]["r2"] > 0.2


def test_a_head_is_trained_on_frozen_features(laboratory: Laboratory) -> None:
    body = laboratory.train("digits_cnn", budget=BUDGET)
    for train in ("head", "gradual"):
        start = {"weights": body, "head": "new", "train": train}
        folder = laboratory.train("digits_cnn", seed=1, budget=BUDGET, start=start)
        assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85, train


@pytest.mark.parametrize("name", introspection.names("data/augmentations"))
def test_augmentations_give_what_they_give_on_the_processor(name: str) -> None:
    for shape in [s for kind in introspection.constant(f"data/augmentations/{name}", "KINDS") for s in SHAPES[kind]]:
        augmentation, x = Augmentation([{"name": name}], shape), items(shape)
        drawn = augmentation.draw(len(x), generator(0, 0, 1))
        here, there = augmentation.apply(x, drawn), augmentation.apply(x.cuda(), drawn)
        assert there.is_cuda and there.dtype == here.dtype
        # A pixel whose place hangs on the last bit may be its neighbour's.
        apart = (here.double() - there.cpu().double()).nan_to_num().abs().mean()
        assert apart < 1e-3 * here.double().nan_to_num().abs().max(), name


# what is the same


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_killed_run_resumes_to_the_same_weights_on_a_gpu(
    laboratory: Laboratory, tmp_path: Path, precision: str
) -> None:
    """Scale of the gradients and noise of the GPU included."""
    budget = {"samples": 5000, "validation": 200, "epochs": 3}
    order = laboratory.asked("fmnist_mlp", args={"dropout": 0.2}, precision=precision, budget=budget)
    whole = processes.finished(order, tmp_path / "whole", {})
    process = processes.started(order, tmp_path / "cell", {"checkpoint_seconds": 0.0}, partial(processes.die_at, 19))
    process.join(120)
    assert process.exitcode == -9
    assert processes.finished(order, tmp_path / "cell", {})["weights_hash"] == whole["weights_hash"]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(
    "row", ["fmnist_lenet5", "fmnist_resnet20", "fmnist_capsnet_small", "fmnist_transformer", "fmnist_lstm"]
)
def test_a_run_repeats_itself_to_the_bit(laboratory: Laboratory, row: str, precision: str) -> None:
    one, two = (laboratory.train(row, precision=precision, budget=SHORT) for _ in range(2))
    assert read_json(one / "result.json")["weights_hash"] == read_json(two / "result.json")["weights_hash"]


def test_seeds_side_by_side_are_what_they_are_alone(laboratory: Laboratory, tmp_path: Path) -> None:
    orders = [laboratory.asked("fmnist_resnet20", seed, budget=SHORT) for seed in range(3)]
    alone = processes.finished(orders[0], tmp_path / "alone", {})
    together = [processes.started(order, tmp_path / f"cell{n}", {}) for n, order in enumerate(orders)]
    for process in together:
        process.join(120)
    assert [process.exitcode for process in together] == [0, 0, 0]
    hashes = [read_json(tmp_path / f"cell{n}" / "result.json")["weights_hash"] for n in range(3)]
    assert hashes[0] == alone["weights_hash"] and len(set(hashes)) == 3


@pytest.mark.parametrize("row", ["fmnist_lenet5", "fmnist_resnet20", "fmnist_capsnet_small", "fmnist_gru"])
def test_a_gpu_has_the_losses_of_the_processor(laboratory: Laboratory, tmp_path: Path, row: str) -> None:
    order = laboratory.asked(row, budget={**SHORT, "epochs": 1}, **CONSTANT)
    processes.finished(order, tmp_path / "gpu", {})
    processes.finished(order, tmp_path / "processor", {}, processes.without_gpu)
    gpu, processor = (history(tmp_path / name)[0] for name in ("gpu", "processor"))
    assert gpu["train_loss"] == pytest.approx(processor["train_loss"], rel=1e-3)
    assert gpu["validation_loss"] == pytest.approx(processor["validation_loss"], rel=1e-2)
    assert torch.cuda.get_device_name() not in read_json(tmp_path / "processor" / "costs.json")["hardware"]


# compiled


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("build", [lenet5.build, partial(resnet.build, depth=8)], ids=["lenet5", "resnet8"])
def test_compiled_gradients_are_those_of_plain_calls(build: Any, precision: str) -> None:
    """And a fused optimizer takes them, which wants them in the order in memory of the weights."""
    seed_everything(0, 1)
    network = build((1, 28, 28), 10).cuda().train().to(memory_format=torch.channels_last)
    x, y = torch.randn(64, 1, 28, 28, device="cuda"), torch.arange(64, device="cuda") % 10

    def objective(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = network(x)
        loss = functional.cross_entropy(scores, y)
        return loss, loss, scores

    found = []
    for compile in (False, True):
        network.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16-mixed", cache_enabled=False):
            loss, _ = compiled.gradients(objective, compile)(x, y)
        found.append([loss, *(p.grad.detach().clone() for p in network.parameters() if p.grad is not None)])
        assert len(found[-1]) == 1 + len(list(network.parameters()))
    for plain, fused in zip(*found, strict=True):
        apart = (plain - fused).norm() / plain.norm().clamp_min(1e-4)
        # Fused kernels round less often. Seen in half precision on an H100: 0.11 at most, in ResNet-8's deepest norms.
        assert apart < (5e-3 if precision == "32-true" else 0.2)
    optimizers.optimizer(network, Gradient(kind="gradient")).step()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_compiled_run_trains(laboratory: Laboratory, precision: str) -> None:
    folder = laboratory.train("digits_cnn", precision=precision, budget=BUDGET, compile=True)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85


def test_what_torch_cannot_look_into_is_compiled_as_far_as_it_can() -> None:
    seed_everything(0, 1)
    network: nn.Module = lstm.build((6, 3), 10).cuda()
    x, y = torch.randn(8, 6, 3, device="cuda"), torch.arange(8, device="cuda")

    def objective(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loss = functional.cross_entropy(network(x), y)
        return loss, loss, loss

    compiled.gradients(objective, True)(x, y)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


# memory and waiting


def test_too_little_memory_halves_the_micro_batch(laboratory: Laboratory, tmp_path: Path) -> None:
    """A batch of all items, with as little memory left to this process as a few of them need."""
    order = laboratory.asked(
        "fmnist_lenet5", batch_size=60_000, budget={"samples": None, "validation": 2000, "epochs": 1}
    )
    found = processes.finished(order, tmp_path / "cell", {}, partial(processes.confine, 2**30))
    assert found["costs"]["micro_batch"] < 60_000
    assert "out of memory with 60000 items at once" in processes.log(tmp_path / "cell")


def test_asking_for_the_state_of_noise_does_not_wait_for_the_gpu() -> None:
    """It is asked before every batch, so that a batch that needed too much memory can be tried again."""
    a = torch.randn(8192, 8192, device="cuda")
    torch.cuda.synchronize()
    for _ in range(50):
        a = a @ a
    last = torch.cuda.Event()
    last.record()
    state = randomness.torch_state()
    assert not last.query() and len(state) == 2
    torch.cuda.synchronize()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU here")
def test_two_gpus_have_the_losses_of_one(laboratory: Laboratory, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "schedule": "constant"}
    order = laboratory.asked("fmnist_lenet5", budget={"samples": 1013, "validation": 1501, "epochs": 1}, **changes)
    one, two = (processes.finished(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    assert two["validation"]["loss"] == pytest.approx(one["validation"]["loss"], abs=1e-4)
    assert two["costs"]["hardware"].startswith("2 x ")
