"""Starting from other weights: what is taken over, what of it is trained, and at which rate."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.cells import store
from pipeline.cells.cell import parsed, read_json, write_json
from pipeline.data import dataset, fetch
from pipeline.data.spec import Fetch
from pipeline.models import efficientnet_lite, mlp, resnet
from pipeline.training import loading, network, train, transfer
from pipeline.training.blocks import blocks, head_name
from pipeline.training.loading import TRAINED
from pipeline.training.spec import Model, Spec
from pipeline.training.start import Start
from pipeline.training.system import System
from pipeline.training.train import assemble
from tests.laboratory import Laboratory

SMALL: dict[str, Any] = {"budget": {"samples": 60, "validation": 50, "epochs": 2}, "batch_size": 20}
RESNET: dict[str, Any] = {**SMALL, "args": {"depth": 8, "width": 4}}


class Killed(BaseException):
    """Stands for a kill: nothing in the way of training may catch it."""


@pytest.fixture(scope="module")
def source(laboratory: Laboratory) -> Path:
    """A small ResNet after two epochs."""
    return laboratory.train("fmnist_resnet20", seed=5, **RESNET)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / network.WEIGHTS)


def system(laboratory: Laboratory, folder: Path) -> System:
    """The system of a train cell as it was before it was given weights."""
    spec = asked(folder)
    train.seed_everything(spec.seed, 1)
    return assemble(spec, dataset.load(laboratory.data(spec.data), spec.budget, spec.seed, SPLITS))


def asked(folder: Path) -> Spec:
    return parsed(Spec, read_json(folder / "spec.json"))


SPLITS = ("train", "validation")


def test_one_cycle_peaks_at_each_group_s_own_rate(laboratory: Laboratory, source: Path) -> None:
    folder = laboratory.train("fmnist_resnet20", start={"weights": source, "layer_decay": 0.5}, **RESNET)
    begun = system(laboratory, folder)
    begun = transfer.begin(begun, asked(folder), source)
    (optimizer,), (schedule,) = begun.configure_optimizers()
    peaks = [group["max_lr"] for group in optimizer.param_groups]
    assert peaks[0] == begun.recipe.lr and min(peaks) == begun.recipe.lr * 0.5**4 and schedule.last_epoch == 0


# what is taken over


@pytest.mark.parametrize("head", ["new", "kept"])
def test_a_run_starts_from_exactly_the_weights_of_another(laboratory: Laboratory, source: Path, head: str) -> None:
    folder = laboratory.train("fmnist_resnet20", start={"weights": source, "head": head}, **RESNET)
    fresh = system(laboratory, folder)
    before = {n: t.clone() for n, t in fresh.network.body.state_dict().items()}
    begun = transfer.begin(fresh, asked(folder), source)
    there = weights(source)
    for name, tensor in begun.network.body.state_dict().items():
        mine = head == "new" and name.startswith("8.")
        assert torch.equal(tensor, before[name] if mine else there[f"body.{name}"]), name


def test_a_card_s_weights_are_those_of_its_file(laboratory: Laboratory, tmp_path: Path) -> None:
    card = "pipeline/models/cards/efficientnet_lite0.yaml"
    write_json(tmp_path / "result.json", fetch.run(Fetch(source=card, card=True, digest=""), tmp_path, {}))
    body = efficientnet_lite.build((3, 48, 48), 10)
    spec = Model(model="models/efficientnet_lite", view="none", args={})
    found = loading.weights(tmp_path, spec, card)
    loading.load(body, found, "new", card)
    shipped = list(torch.load(tmp_path / "weights.pth", weights_only=True).values())
    own = [t for n, t in body.state_dict().items() if not n.startswith(head_name(body))]
    assert len(own) == len(shipped) - 2 and all(torch.equal(a, b) for a, b in zip(own, shipped, strict=False))
    assert body(torch.zeros(2, 3, 48, 48)).shape == (2, 10), "the head is for 10 classes, not for 1000"


def test_weights_that_do_not_fit_are_refused_by_name(source: Path) -> None:
    there = {n.removeprefix("body."): t for n, t in weights(source).items() if n.startswith("body.")}
    for body, what in (
        (resnet.build((3, 28, 28), 10, depth=8, width=4), r"0.weight is \(4, 1, 3, 3\) in it and \(4, 3, 3, 3\) in"),
        (resnet.build((1, 28, 28), 10, depth=8, width=6), r"does not fit: 0.weight is"),
        (
            resnet.build((1, 28, 28), 10, depth=14, width=4),
            r"4.conv1.weight is \(8, 4, 3, 3\) in it and \(4, 4, 3, 3\) in",
        ),
    ):
        with pytest.raises(ValueError, match=what):
            loading.load(body, there, "new", "the_row")
    fits = resnet.build((1, 28, 28), 10, depth=8, width=4)
    with pytest.raises(ValueError, match=r"more is \(1,\) in it and not there in this network"):
        loading.load(fits, {**there, "more": torch.zeros(1)}, "new", "the_row")
    with pytest.raises(ValueError, match=r"1.weight is not there in it"):
        loading.load(fits, {n: t for n, t in there.items() if n != "1.weight"}, "new", "the_row")
    with pytest.raises(ValueError, match="start from the same model with the same args"):
        loading.load(resnet.build((1, 28, 28), 7, depth=8, width=4), there, "kept", "the_row")
    loading.load(resnet.build((1, 28, 28), 7, depth=8, width=4), there, "new", "the_row")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scaling": "unit"}, "the_version/1 has learnt from scaling 'standardise', but here it is 'unit'"),
        ({"args": {"depth": 8, "width": 8}}, "the_version/1 has weights of width 4, but here it is 8"),
        ({"args": {"depth": 8, "width": 4, "dropout": 0.2}}, None),
    ],
)
def test_a_version_trained_otherwise_is_refused(
    laboratory: Laboratory, source: Path, tmp_path: Path, changes: dict[str, Any], why: str | None
) -> None:
    """A checkout has the specification beside the weights, since shapes do not say what inputs were scaled by."""
    for name, there in ((network.WEIGHTS, network.WEIGHTS), ("result.json", "result.json"), ("spec.json", TRAINED)):
        (tmp_path / there).write_bytes((source / name).read_bytes())
    _, spec, inputs = laboratory.asked("fmnist_resnet20", **RESNET | changes)
    data = dataset.load(inputs["data"], spec.budget, spec.seed, SPLITS)
    given = spec.model_copy(update={"start": Start(weights="the_version/1")})
    if why is None:
        begun = transfer.begin(assemble(spec, data), given, tmp_path)
        there, here = weights(source), begun.network.body.state_dict()
        assert torch.equal(here["4.conv1.weight"], there["body.4.conv1.weight"])
        return
    with pytest.raises(ValueError, match=why):
        transfer.begin(assemble(spec, data), given, tmp_path)


def test_dropout_moves_numbers_of_layers_but_no_weights() -> None:
    """Between all hidden layers, which shifts every name behind it; the head is the last one in both."""
    torch.manual_seed(0)
    plain, noisy = (mlp.build((6,), 3, hidden=[8, 7], dropout=dropout) for dropout in (0.0, 0.3))
    assert list(plain.state_dict())[2] == "2.weight" and list(noisy.state_dict())[2] == "3.weight"
    fresh = noisy[6].weight.detach().clone()
    for head in ("new", "kept"):
        loading.load(noisy, plain.state_dict(), head, "the_row")
        assert noisy[3].weight.equal(plain[2].weight)
        assert noisy[6].weight.equal(fresh if head == "new" else plain[4].weight)


def test_a_failed_start_is_a_failed_result(laboratory: Laboratory, source: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "result.json", {"status": "failed", "reason": "loss is nan at step 3, epoch 0"})
    store.seal(tmp_path, "0" * 32)
    folder = laboratory.train("fmnist_resnet20", start={"weights": tmp_path}, **RESNET)
    result = read_json(folder / "result.json")
    assert result["status"] == "failed" and "failed: loss is nan at step 3" in result["reason"]


# what is trained


def test_a_frozen_body_stays_to_the_bit_while_its_head_learns(laboratory: Laboratory, source: Path) -> None:
    folder = laboratory.train("fmnist_resnet20", start={"weights": source, "train": "head"}, **RESNET)
    before, after = weights(source), weights(folder)
    body = [n for n in before if n.startswith("body.") and not n.startswith("body.8.")]
    assert all(torch.equal(before[n], after[n]) for n in body) and len(body) > 20
    fresh = system(laboratory, folder).network.body.state_dict()
    assert not torch.equal(fresh["8.weight"], after["body.8.weight"])
    assert read_json(folder / "result.json")["parameters"] == read_json(source / "result.json")["parameters"]


def test_cached_features_are_what_the_whole_network_sees(laboratory: Laboratory, source: Path) -> None:
    folder = laboratory.train("fmnist_resnet20", start={"weights": source, "train": "head"}, **RESNET)
    whole = system(laboratory, folder)
    x = whole.batches["validation"].x
    inputs = laboratory.asked("fmnist_resnet20", start={"weights": source, "train": "head"}, **RESNET)[2]
    top = transfer.begin(whole, asked(folder), source, inputs["features"])
    assert top.batches["train"].x.shape == (60, 16) and top.network.body is whole.network.body[8]
    with torch.no_grad():
        through = whole.network.eval()(x)
        cached = top.network(top.batches["validation"].x)
    torch.testing.assert_close(cached, through)
    trained = network.load_network(folder)
    scores = network.logits(trained, x.numpy())
    right = (scores.argmax(1) == whole.batches["validation"].y.numpy()).mean()
    assert read_json(folder / "result.json")["validation"]["accuracy"] == pytest.approx(right)


def test_gradual_unfreezing_opens_a_block_an_epoch(
    laboratory: Laboratory, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each epoch the still frozen blocks, their running statistics included, are what they were at the start."""
    there = {n.removeprefix("body."): t for n, t in weights(source).items() if n.startswith("body.")}
    changed: list[list[bool]] = []
    validated = System.validation_step

    def look(self: System, chunk: int, index: int) -> None:
        state = self.network.body.state_dict()
        places = {id(m): i for i, block in enumerate(blocks(self.network.body)) for m in block}
        moved = [False] * 5
        for name, child in self.network.body.named_children():
            for n in state:
                if n.startswith(f"{name}.") and not torch.equal(state[n], there[n]):
                    moved[places[id(child)]] = True
        changed.append(moved)
        validated(self, chunk, index)

    monkeypatch.setattr(System, "validation_step", look)
    budget = {"samples": 60, "validation": 50, "epochs": 6}
    start = {"weights": source, "train": "gradual", "head": "kept"}
    laboratory.train("fmnist_resnet20", start=start, **{**RESNET, "budget": budget})
    assert changed == [[place >= 4 - min(epoch, 4) for place in range(5)] for epoch in range(6)]


def test_a_killed_gradual_run_resumes_to_the_same_weights(
    laboratory: Laboratory, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**RESNET, "budget": {"samples": 60, "validation": 50, "epochs": 4}}
    changes["start"] = {"weights": source, "train": "gradual", "layer_decay": 0.5}
    whole = read_json(laboratory.train("fmnist_resnet20", **changes) / "result.json")["weights_hash"]
    execution = {"checkpoint_seconds": 0.0}

    def killed(self: System, chunk: int, index: int) -> None:
        if self.epoch == 2:
            raise Killed
        validated(self, chunk, index)

    validated = System.validation_step
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(System, "validation_step", killed)
        laboratory.train("fmnist_resnet20", folder=tmp_path / "cell", execution=execution, **changes)
    assert list((tmp_path / "cell").glob("checkpoint*"))
    folder = laboratory.train("fmnist_resnet20", folder=tmp_path / "cell", **changes)
    assert read_json(folder / "result.json")["weights_hash"] == whole


def test_numbers_and_bayesian_heads_over_a_frozen_body(laboratory: Laboratory, tmp_path: Path) -> None:
    source = laboratory.train("diabetes_mlp")
    folder = laboratory.train("diabetes_mlp", start={"weights": source, "train": "head"})
    assert read_json(folder / "result.json")["validation"]["r2"] < 1.0
    x = np.load(laboratory.data("diabetes") / "x_test.npy")
    assert 50 < network.logits(network.load_network(folder), x).mean() < 300, "in the target's own units"
    source = laboratory.train("fmnist_lenet5", **SMALL)
    bayes = laboratory.train("fmnist_lenet5_bayesian", start={"weights": source, "train": "head"}, **SMALL)
    assert read_json(bayes / "result.json")["status"] == "ok"
    assert not torch.equal(weights(bayes)["body.10.log_deviation"], torch.full((10, 84), -5.0))
    plain = {n: t for n, t in weights(source).items() if not n.startswith("body.10")}
    assert all(torch.equal(t, weights(bayes)[n]) for n, t in plain.items())
