"""Whatever a checkpoint's file holds: training goes on from a sound one of its own, or begins anew, and says so."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.cells.cell import CHECKPOINTS, read_json
from tests.laboratory import Laboratory
from tests.training import processes

pytestmark = pytest.mark.slow
NEWEST, OLDER = CHECKPOINTS
ROW: dict[str, Any] = {"budget": {"samples": 1000, "validation": 100, "epochs": 4}, "args": {"dropout": 0.2}}
OFTEN = {"checkpoint_seconds": 0.0}


@pytest.fixture(scope="module")
def expected(laboratory: Laboratory) -> str:
    """Hash of the weights of a run that nobody disturbs."""
    return str(read_json(laboratory.train("digits_mlp", **ROW) / "result.json")["weights_hash"])


@pytest.fixture(scope="module")
def killed(laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cell that was killed and has two checkpoints. Only to be copied."""
    folder = tmp_path_factory.mktemp("killed") / "cell"
    order = laboratory.asked("digits_mlp", **ROW)
    process = processes.started(order, folder, OFTEN, partial(processes.die_at, 7))
    process.join(60)
    assert process.exitcode == -9 and all((folder / name).exists() for name in CHECKPOINTS)
    return folder


@pytest.fixture
def halfway(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "cell")


Edit = Callable[[dict[str, Any]], Any]


def holding(edit: Edit) -> Callable[[Path], None]:
    """A file that torch reads, and holds what `edit` makes of the content or gives instead."""

    def damage(path: Path) -> None:
        content = torch.load(path, weights_only=True)
        made = edit(content)
        torch.save(content if made is None else made, path)

    return damage


def bytes_of(edit: Callable[[bytearray], bytes | bytearray]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(edit(bytearray(path.read_bytes())))

    return damage


def flipped(content: bytearray) -> bytearray:
    content[len(content) // 2] ^= 1
    return content


def other_shape(content: dict[str, Any]) -> None:
    tensors = content["system"]["network"]
    tensors[next(reversed(tensors))] = torch.zeros(3)


def without(*places: str) -> Callable[[Path], None]:
    def edit(content: dict[str, Any]) -> None:
        for place in places[:-1]:
            content = content[place]
        del content[places[-1]]

    return holding(edit)


def replaced(value: Any, *places: str) -> Callable[[Path], None]:
    def edit(content: dict[str, Any]) -> None:
        for place in places[:-1]:
            content = content[place]
        content[places[-1]] = value

    return holding(edit)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut": bytes_of(lambda content: content[:-1000]),
    "a flipped bit": bytes_of(flipped),
    "empty": bytes_of(lambda _: b""),
    "text": bytes_of(lambda _: b"a checkpoint"),
    "a list": holding(lambda content: [content]),
    "a tensor": holding(lambda _: torch.zeros(3)),
    "a number": holding(lambda _: 3),
    "nothing": holding(lambda _: {}),
    "no owner": without("owner"),
    "an owner that is none": replaced(None, "owner"),
    "another cell's": replaced("0" * 64, "owner", "key"),
    "another model's": replaced("models/lenet5", "owner", "model"),
    "no state": without("system"),
    "a state that is a list": replaced([], "system"),
    "no network": without("system", "network"),
    "weights of another shape": holding(other_shape),
    "no optimizer": without("system", "optimizer"),
    "an optimizer that is none": replaced({}, "system", "optimizer"),
    "no history": without("system", "history"),
    "a history that is a number": replaced(3, "system", "history"),
    "a history of other epochs": replaced([{"epoch": 2}], "system", "history"),
    "a place that is none": replaced("here", "system", "chunk"),
    "sums of another shape": replaced(torch.zeros(9), "system", "sums"),
    "no time": without("seconds"),
    "no processes": replaced([], "ranks"),
    "a process without random states": replaced([{"limits": (8, 8)}], "ranks"),
}


def resumed(laboratory: Laboratory, folder: Path) -> str:
    return str(read_json(laboratory.train("digits_mlp", folder=folder, **ROW) / "result.json")["weights_hash"])


def test_of_two_sound_ones_the_newest_is_taken(
    laboratory: Laboratory, halfway: Path, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resumed(laboratory, halfway) == expected
    said = capsys.readouterr().out
    assert "going on after " in said and "passed over" not in said


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_is_passed_over(
    laboratory: Laboratory, halfway: Path, expected: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one before is taken; where that is damaged too, training begins anew."""
    both = shutil.copytree(halfway, halfway.with_name("both"))
    DAMAGE[damage](halfway / NEWEST)
    assert resumed(laboratory, halfway) == expected
    said = capsys.readouterr().out
    assert f"{halfway / NEWEST}: passed over (" in said and "going on after " in said
    for name in CHECKPOINTS:
        DAMAGE[damage](both / name)
    assert resumed(laboratory, both) == expected
    said = capsys.readouterr().out
    assert all(f"{both / name}: passed over (" in said for name in CHECKPOINTS) and "going on" not in said
