"""Optimizers against torch's plain forms, schedules against torch's own stepped beside them."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from pipeline.data.spec import Vocabulary
from pipeline.models import gru, lenet5, mlp, resnet, transformer_encoder
from pipeline.training import optimizers
from pipeline.training.bayesian import with_bayesian_last_layer
from pipeline.training.recipe import Gradient

LR, DECAY = 0.01, 0.1
PLAIN: dict[str, Any] = {"foreach": False, "fused": False}
# A recipe's choice, and torch's plain optimizer for the same.
KINDS: dict[str, tuple[dict[str, Any], Callable[[Any], torch.optim.Optimizer]]] = {
    "sgd": ({"optimizer": "sgd"}, lambda p: torch.optim.SGD(p, LR, **PLAIN)),
    "nesterov": (
        {"optimizer": "sgd", "momentum": 0.9},
        lambda p: torch.optim.SGD(p, LR, 0.9, nesterov=True, **PLAIN),
    ),
    "heavy ball": (
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": False},
        lambda p: torch.optim.SGD(p, LR, 0.9, **PLAIN),
    ),
    "adam": ({"optimizer": "adam"}, lambda p: torch.optim.Adam(p, LR, **PLAIN)),
    "adamw": ({"optimizer": "adamw"}, lambda p: torch.optim.AdamW(p, LR, **PLAIN)),
    "rmsprop": (
        {"optimizer": "rmsprop", "momentum": 0.5},
        lambda p: torch.optim.RMSprop(p, LR, momentum=0.5, foreach=False),
    ),
    "adagrad": ({"optimizer": "adagrad"}, lambda p: torch.optim.Adagrad(p, LR, **PLAIN)),
}
EVERY = {**{name: changed for name, (changed, _) in KINDS.items()}, "muon": {"optimizer": "muon", "momentum": 0.95}}


def recipe(**changed: Any) -> Gradient:
    return Gradient(kind="gradient", **{"lr": LR, "weight_decay": DECAY, **changed})


def body() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))


def steps(network: nn.Module, optimizer: Any, count: int = 3, first: int = 0) -> list[torch.Tensor]:
    """The network's parameters after some updates; each update has inputs of its own."""
    for seed in range(first, first + count):
        x = torch.randn(16, 6, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        functional.cross_entropy(network(x), torch.arange(16) % 3).backward()
        optimizer.step()
    return [p.detach() for p in network.parameters()]


@pytest.mark.parametrize("name", KINDS)
def test_three_steps_are_those_of_torch_s_plain_optimizer(name: str) -> None:
    changed, plain = KINDS[name]
    ours, theirs = body(), body()
    weights = [{"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": DECAY}]
    others = [{"params": [p for p in theirs.parameters() if p.ndim == 1], "weight_decay": 0.0}]
    found = steps(ours, optimizers.optimizer(ours, recipe(**changed)))
    torch.testing.assert_close(found, steps(theirs, plain(weights + others)), atol=1e-6, rtol=1e-5)


def test_muon_is_torch_s_on_hidden_matrices_and_its_adamw_elsewhere() -> None:
    ours, theirs = body(), body()
    hidden = [theirs.get_parameter(name) for name in ("0.weight", "3.weight")]
    last, small = [theirs.get_parameter("5.weight")], [p for p in theirs.parameters() if p.ndim == 1]
    apart = (
        torch.optim.Muon(hidden, LR, DECAY, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(last, LR, weight_decay=DECAY, fused=True),
        torch.optim.AdamW(small, LR, weight_decay=0.0, fused=True),
    )

    class Together:
        def zero_grad(self) -> None:
            theirs.zero_grad()

        def step(self) -> None:
            for part in apart:
                part.step()

    found = steps(ours, optimizers.optimizer(ours, recipe(**EVERY["muon"])))
    assert all(map(torch.equal, found, steps(theirs, Together())))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (mlp.build((6,), 3, hidden=[8, 5]), ["0.weight", "2.weight"]),
        (with_bayesian_last_layer(mlp.build((6,), 3, hidden=[8]), 3), ["0.weight"]),
        (lenet5.build((1, 28, 28), 10), ["8.weight"]),
        (gru.build((4, 6), 3), ["layers.0.ways.0.weight_ih_l0", "layers.0.ways.0.weight_hh_l0"]),
        (
            transformer_encoder.build((4,), 3, Vocabulary(size=9), layers=1),
            ["layers.0.qkv.weight", "layers.0.out.weight", "layers.0.up.weight", "layers.0.down.weight"],
        ),
    ],
    ids=["mlp", "bayesian", "lenet5", "gru", "transformer"],
)
def test_hidden_matrices_are_those_of_dense_and_recurrent_layers_but_the_last(
    network: nn.Module, expected: list[str]
) -> None:
    found = {id(p) for p in optimizers.hidden_matrices(network)}
    assert [name for name, p in network.named_parameters() if id(p) in found] == expected
    groups = optimizers.optimizer(network, recipe(**EVERY["muon"])).param_groups
    given = [id(p) for group in groups for p in group["params"]]
    assert sorted(given) == sorted(id(p) for p in network.parameters())


def test_muon_without_a_hidden_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="no dense or recurrent layer but the last one; use adamw"):
        optimizers.optimizer(resnet.build((1, 28, 28), 10, depth=8), recipe(**EVERY["muon"]))


@pytest.mark.parametrize("name", EVERY)
def test_an_optimizer_is_fused_where_torch_has_it_so(name: str) -> None:
    """One kernel for all parameters; rmsprop has none, and muon its own."""
    groups = optimizers.optimizer(body(), recipe(**EVERY[name])).param_groups
    fused = [bool(group.get("fused")) for group in groups]
    assert all(fused) or name in ("rmsprop", "muon")


@pytest.mark.parametrize("name", EVERY)
def test_an_optimizer_and_its_schedule_resume_exactly(name: str) -> None:
    def assembled(network: nn.Module) -> tuple[Any, Any]:
        chosen = recipe(**EVERY[name], schedule="cosine", warmup=0.3)
        optimizer = optimizers.optimizer(network, chosen)
        return optimizer, optimizers.schedule(optimizer, chosen, 8)

    def trained(network: nn.Module, optimizer: Any, schedule: Any, first: int) -> list[torch.Tensor]:
        for update in range(first, first + 4):
            steps(network, optimizer, 1, update)
            schedule.step()
        return [p.detach() for p in network.parameters()]

    network = body()
    optimizer, schedule = assembled(network)
    trained(network, optimizer, schedule, 0)
    file = io.BytesIO()
    torch.save([network.state_dict(), optimizer.state_dict(), schedule.state_dict()], file)
    whole = trained(network, optimizer, schedule, 4)
    file.seek(0)
    kept = torch.load(file, weights_only=True)
    other = body()
    resumed = assembled(other)
    for part, state in zip((other, *resumed), kept, strict=True):
        part.load_state_dict(state)
    assert all(map(torch.equal, whole, trained(other, *resumed, 4)))
    assert resumed[0].param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


# schedules

UPDATES, RISE = 40, 10


def sgd() -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(2, 2))], LR)


def rates(optimizer: torch.optim.Optimizer, schedule: Any) -> list[float]:
    """The learning rate of each update of a run."""
    found = []
    for _ in range(UPDATES):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return found


def ours(**changed: Any) -> list[float]:
    optimizer = sgd()
    return rates(optimizer, optimizers.schedule(optimizer, recipe(**changed), UPDATES))


# What a recipe asks, and torch's own scheduler of what follows the rise, over `steps` updates.
SCHEDULES: dict[str, tuple[dict[str, Any], Callable[[Any, int], Any]]] = {
    "constant": ({"schedule": "constant"}, lambda o, steps: ConstantLR(o, 1.0, 0)),
    "step": ({"schedule": "step", "step_every": 0.2, "step_factor": 0.3}, lambda o, steps: StepLR(o, 8, 0.3)),
    "cosine": ({"schedule": "cosine", "lr_final": 0.1}, lambda o, steps: CosineAnnealingLR(o, steps, 0.1 * LR)),
    "cycles": ({"schedule": "cosine", "cycles": 2}, lambda o, steps: CosineAnnealingWarmRestarts(o, steps // 2)),
    "exponential": (
        {"schedule": "exponential", "lr_final": 0.01},
        lambda o, steps: ExponentialLR(o, 0.01 ** (1 / steps)),
    ),
    "polynomial": ({"schedule": "polynomial", "power": 2.0}, lambda o, steps: PolynomialLR(o, steps, 2.0)),
}


@pytest.mark.parametrize("rise", [0, RISE])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_torch_s_after_a_linear_rise(name: str, rise: int) -> None:
    changed, theirs = SCHEDULES[name]
    optimizer = sgd()
    after = theirs(optimizer, UPDATES - rise)
    if rise:
        after = SequentialLR(optimizer, [LinearLR(optimizer, 1 / (rise + 1), total_iters=rise), after], [rise])
    found = ours(**changed, warmup=rise / UPDATES)
    assert found == pytest.approx(rates(optimizer, after), rel=1e-9)
    assert max(found) == pytest.approx(LR) and found.index(max(found)) <= rise


# Share of lr at updates of 40, the first 10 of them a rise, computed by hand.
TABLE: dict[str, dict[int, float]] = {
    "constant": {0: 1 / 11, 5: 6 / 11, 10: 1.0, 25: 1.0, 39: 1.0},
    "step": {0: 1 / 11, 10: 1.0, 21: 1.0, 22: 0.1, 33: 0.1, 34: 0.01, 39: 0.01},
    "cosine": {0: 1 / 11, 10: 1.0, 20: 0.75, 25: 0.5, 30: 0.25, 39: 0.002739},
    "cycles": {0: 1 / 11, 10: 1.0, 15: 0.75, 20: 0.25, 24: 0.010926, 25: 1.0, 35: 0.25, 39: 0.010926},
    "exponential": {0: 1 / 11, 10: 1.0, 25: 0.1, 39: 0.011659},
    "polynomial": {0: 1 / 11, 10: 1.0, 25: 0.25, 39: 0.001111},
    "one_cycle": {0: 0.04, 9: 1.0, 39: 4e-6},
}
ASKED: dict[str, dict[str, Any]] = {
    "cycles": {"schedule": "cosine", "cycles": 2},
    "exponential": {"schedule": "exponential", "lr_final": 0.01},
    "polynomial": {"schedule": "polynomial", "power": 2.0},
}


@pytest.mark.parametrize("name", TABLE)
def test_a_schedule_s_values_are_those_of_a_table(name: str) -> None:
    found = ours(**ASKED.get(name, {"schedule": name}), warmup=0.25)
    assert {update: found[update] / LR for update in TABLE[name]} == pytest.approx(TABLE[name], rel=1e-3)


def test_a_constant_rate_without_a_rise_needs_no_schedule() -> None:
    assert optimizers.schedule(sgd(), recipe(schedule="constant", warmup=0.0), UPDATES) is None


@pytest.mark.parametrize("warmup", [2, 11, 31])
def test_inverse_sqrt_is_the_formula_of_its_paper(warmup: int) -> None:
    """Vaswani et al. (2017), equation 3, with the width at which its highest rate is `lr`."""
    width = LR**-2 / warmup
    formula = [width**-0.5 * min(step**-0.5, step * warmup**-1.5) for step in range(1, UPDATES + 1)]
    assert ours(schedule="inverse_sqrt", warmup=(warmup - 1) / UPDATES) == pytest.approx(formula, rel=1e-9)


@pytest.mark.parametrize("updates", [1, 2, 3, UPDATES])
def test_one_cycle_is_torch_s(updates: int) -> None:
    optimizer, other = sgd(), sgd()
    found = optimizers.schedule(optimizer, recipe(schedule="one_cycle", warmup=0.3), updates)
    assert (found is None) is (updates < 2)
    if updates == UPDATES:
        theirs = OneCycleLR(other, LR, updates, pct_start=0.3, cycle_momentum=False)
        assert rates(optimizer, found) == rates(other, theirs)


@pytest.mark.parametrize("rise", [0, RISE])
def test_a_plateau_lowers_the_rate_after_epochs_without_a_better_loss(rise: int) -> None:
    losses = [3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0, 1.0]  # of epochs of 5 updates; two that are no better: a step
    optimizer, other = sgd(), sgd()
    chosen = recipe(schedule="plateau", warmup=rise / UPDATES, step_factor=0.5, plateau_epochs=2)
    schedule, found = optimizers.schedule(optimizer, chosen, UPDATES), []
    theirs, expected = ReduceLROnPlateau(other, factor=0.5, patience=1, threshold=0.0), []
    for update in range(UPDATES):
        found.append(optimizer.param_groups[0]["lr"])
        expected.append(other.param_groups[0]["lr"] * min(1.0, (update + 1) / (rise + 1)))
        optimizer.step()
        schedule.step()  # type: ignore[union-attr]
        if update % 5 == 4:
            schedule.judge(losses[update // 5])  # type: ignore[union-attr]
            theirs.step(losses[update // 5])
    assert found == pytest.approx(expected, rel=1e-9)
    assert found[19] == pytest.approx(LR) and found[20] == pytest.approx(LR / 2) and found[-1] == pytest.approx(LR / 4)


def test_a_plateau_resumes_with_what_it_has_seen() -> None:
    def made() -> tuple[torch.optim.Optimizer, Any]:
        optimizer = sgd()
        return optimizer, optimizers.schedule(optimizer, recipe(schedule="plateau", warmup=0.0), UPDATES)

    optimizer, schedule = made()
    for loss in (1.0, 2.0):
        schedule.judge(loss)
    resumed, other = made()
    other.load_state_dict(copy.deepcopy(schedule.state_dict()))
    for part in (schedule, other):
        part.judge(3.0)  # the second epoch without a better loss
    assert resumed.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * LR)
