"""params.yaml as a file: lines, ways to write a number, all problems at once, rows of other profiles."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import loading
from pipeline.config.loading import ParamsError
from tests.config.texts import STARTS, TEXT


def test_the_text_that_the_cases_change_is_valid(check: Any) -> None:
    assert check(TEXT).active.seeds == [0, 1] and check(STARTS).studies


def test_images_are_augmented_as_images_whatever_view_the_model_has_of_them(check: Any) -> None:
    rows = "models/gru, recipe: quick, view: rows, args: {}, set: {augment: [{name: flip}, {name: shift, pixels: 1}]}"
    text = TEXT.replace("models/cnn, recipe: quick, view: none, args: {}, set: {}", rows)
    assert check(text).recipe_of("pictures_cnn").augment[1] == {"name": "shift", "pixels": 1}


def test_a_row_of_another_profile_is_none_of_this_one(check: Any) -> None:
    paper = "  paper: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5}\ndata:"
    text = TEXT.replace("data:", paper, 1).replace("epochs: 2}", "epochs: 2}\n      paper: {epochs: 2}")
    text = text.replace("args: {hidden: [16]}, set: {}", "args: {hidden: [16]}, set: {}, only: [paper]")
    text = text.replace(
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/cnn, recipe: quick, view: none, args: {}, set: {}, only: [paper]",
    )
    laptop, papers = check(text), check(text.replace("profile: laptop", "profile: paper", 1))
    assert set(laptop.experiments) == {"flowers_svm"} and not laptop.variants and not laptop.search
    assert set(papers.experiments) == {"flowers_mlp", "flowers_svm", "pictures_cnn"} and papers.variants
    assert laptop.elsewhere == {
        k: k.removesuffix("_int8") for k in ("flowers_mlp", "pictures_cnn", "pictures_cnn_int8")
    }
    assert loading.no_row(laptop, "flowers_mlp").startswith("flowers_mlp is no row of profile laptop (see its `only`)")
    assert loading.no_row(laptop, "flowers_svn").startswith(
        "unknown experiment 'flowers_svn'; did you mean 'flowers_svm'?"
    )
    with pytest.raises(ParamsError, match=r"flowers_mlp.only.0: unknown profile 'papers'; did you mean 'paper'"):
        check(text.replace("only: [paper]", "only: [papers]", 1))


def test_line_of_a_key_in_a_block(check: Any) -> None:
    text = TEXT.replace("reader: image_folder", "reader: image_foldr")
    with pytest.raises(ParamsError, match=f"params.yaml:{text[: text.index('image_foldr')].count(chr(10)) + 1}: "):
        check(text)


def test_every_problem_is_listed_at_once(check: Any) -> None:
    with pytest.raises(ParamsError) as caught:
        check(
            TEXT.replace("lr: 0.01", "lr: x").replace("hidden: [16]", "hiden: 1").replace("seeds: [0, 1]", "seeds: 1")
        )
    assert {"recipes.quick.lr", "profiles.laptop.seeds"} <= {
        m for m in re.findall(r": ([a-z_.]+): ", str(caught.value))
    }


@pytest.mark.parametrize("written", ["1e-3", "1.0e-3", "0.001", "1E-3", ".001"])
def test_every_way_to_write_a_number_is_one(check: Any, written: str) -> None:
    assert check(TEXT.replace("lr: 0.01", f"lr: {written}")).recipes["quick"].lr == 0.001


def test_a_whole_number_is_good_where_a_fraction_is_asked(check: Any) -> None:
    assert check(TEXT.replace("lr: 0.01", "lr: 1")).recipe_of("flowers_mlp").lr == 1


def test_overrides_are_applied(check: Any) -> None:
    assert check(TEXT.replace("set: {}", "set: {lr: 0.5}", 1)).recipe_of("flowers_mlp").lr == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile: [", "params.yaml:2: while parsing a flow node"),
        ("- a\n- b\n", "expected a mapping"),
        ("", "expected a mapping"),
        (TEXT + "profile: paper\n", "key 'profile' is there already, in line 1"),
        (TEXT.replace("  fit: {kind", "  1: {kind"), "1"),
        ("profile: laptop\n", "recipes"),
    ],
)
def test_what_is_no_parameter_file(check: Any, text: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check(text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"profile: \xff\xfe")
    with pytest.raises(ParamsError, match="params.yaml"):
        loading.load(tmp_path / "params.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="params.yaml"):
        loading.load(tmp_path / "params.yaml")
