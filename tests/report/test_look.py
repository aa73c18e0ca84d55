"""What a person is shown of a data set is what was prepared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import scratch
from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.spec import Prepare, Split
from pipeline.report.look import Look
from pipeline.report.render import fonts
from tests.conftest import small
from tests.data.preparing import SPLIT, Project, series, table
from tests.data.reading import write


@pytest.fixture
def arrays(tmp_path: Path) -> Project:
    return Project(tmp_path)


def shown(folder: Path, sheet: Path) -> tuple[list[str], str]:
    found = Look(folder)
    remark = found.sheet(sheet)
    with Image.open(sheet) as image:
        assert image.width > 500 and len(np.unique(np.asarray(image.convert("L")))) > 20, "something is drawn"
    return list(found.lines()), remark


def prepared(root: Path, text: str, **more: Any) -> Path:
    write(root / "t.csv", text)
    (root / "raw").mkdir()
    (root / "prepared").mkdir()
    write_json(root / "raw" / "card.json", {"title": "mine", "path": str(root / "t.csv")})
    spec = {"data": "mine", "reader": "csv", "options": {}, "task": "classification", "split": Split(**SPLIT)} | more
    prepare.run(Prepare(**spec), root / "prepared", {"raw": root / "raw"})
    return root / "prepared"


def test_tables_have_the_names_and_ranges_of_their_columns(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'ab'[n % 2]},5,{n / 4},{'uv'[n // 2 % 2]}\n" for n in range(80))
    folder = prepared(tmp_path, "id,letter,same,quarter,kind\n" + rows, options={"categorical": ["letter"]})
    lines, remark = shown(folder, tmp_path / "sheet.png")
    text = "\n".join(lines)
    assert "mine: tabular data, an item has shape (5,)" in lines and "items: train 44, validation 16, test 20" in lines
    assert "remark: constant in train: same" in lines
    assert "remark: numbers of rows, it seems: id; leave an identifier out with option `drop`" in lines
    assert "letter=b" in text and "remark: header: id, letter, same, quarter, kind; label: kind" in lines
    x = np.load(folder / "x_train.npy")
    assert f"{x[:, 4].max():.5g}" in next(line for line in lines if line.startswith("quarter"))
    assert not remark


def test_images_series_and_targets(arrays: Project, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (60, 4, 4, 3), dtype=np.uint8)
    folder = arrays.prepare(table(x_train=pixels), shape=[3, 4, 4], layout="HWC")
    lines, _ = shown(folder, tmp_path / "a.png")
    assert any(line.startswith("channel 2") for line in lines) and any(line.startswith("0 ") for line in lines)
    lines, _ = shown(arrays.prepare(table(x_train=series(*[6, 4, 2] * 20)), shape=[6, 2]), tmp_path / "b.png")
    assert "steps: 2 to 6" in lines
    numbers = table(y_train=np.linspace(-1, 1, 60))
    lines, _ = shown(arrays.prepare(numbers, task="regression"), tmp_path / "c.png")
    assert any(line.startswith("target, train: ") for line in lines)


def test_what_is_suspicious_is_a_remark(arrays: Project, tmp_path: Path) -> None:
    twins = table(y_train=np.array([0] * 29 + [1] * 28 + [2] * 3))
    twins["x_train"][:] = np.arange(4)
    twins["x_train"][:, 0] = np.arange(60) // 2
    lines, _ = shown(arrays.prepare(twins), tmp_path / "a.png")
    assert any("items of test are also in train, with equal values" in line for line in lines)
    assert "remark: classes with few training items: 2 1" in lines


@pytest.mark.skipif("猫" in fonts.families(["猫"])[1], reason="no installed font has Chinese characters")
def test_names_of_any_script_are_drawn(tmp_path: Path) -> None:
    text = "größe,вес,kind\n" + "".join(f"{n},{n % 7}.5,{'猫犬'[n % 2]}\n" for n in range(40))
    _, remark = shown(prepared(tmp_path, text), tmp_path / "sheet.png")
    assert not remark


def test_a_character_that_no_font_has_is_written_as_its_number() -> None:
    unassigned = "\U000e0fff\u0378"  # private to nobody: no font draws them
    _, missing = fonts.families([f"a{unassigned[1]}"])
    assert fonts.drawable("a\u0378b", missing or "\u0378") == "a\\u0378b"


def test_the_command(fresh: Callable[..., Path]) -> None:
    project = fresh(small())
    done = scratch.cli(project, "look", "--data", "digits")
    assert "digits: image data, an item has shape (1, 8, 8)" in done.stdout
    assert (project / "data" / "look" / "digits.png").is_file()
    wrong = scratch.cli(project, "look", "--data", "digit", check=False)
    assert wrong.returncode == 1 and "unknown data set 'digit'; did you mean 'digits'?" in wrong.stderr
