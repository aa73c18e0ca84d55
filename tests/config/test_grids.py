"""A grid makes a row for each pair of a data set and a model; entries of `experiments` override its rows."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from pipeline.config import loading
from pipeline.config.expansion import expand
from pipeline.config.loading import ParamsError
from tests.config.texts import GRIDS, Case, cases, refused_in

REFUSED: list[Case] = [
    # unknown keys and names, in each part of a grid
    ("recipe: quick\n    set", "recipee: quick\n    set", "grids.mixed.recipee", "did you mean 'recipe'?"),
    ("mlp: {args", "mlp: {agrs: {}, args", "grids.mixed.models.mlp.agrs", "did you mean 'args'?"),
    ("flower: {data: flowers}", "flower: {dat: flowers}", "grids.mixed.data.flower.dat", "did you mean 'data'?"),
    ("grids:", "girds: {}\ngrids:", "girds", "did you mean 'grids'?"),
    ("flower: {data: flowers}", "flower: {data: flowerz}", "grids.mixed.data.flower.data", "did you mean 'flowers'?"),
    ("      svm: {", "      swm: {", "grids.solved.models.swm.model", "unknown model 'models/swm'"),
    ("model: models/mlp", "model: models/mpl", "grids.mixed.models.wide.model", "did you mean 'models/mlp'?"),
    ("recipe: fit\n    models", "recipe: fitt\n    models", "grids.solved.recipe", "did you mean 'fit'?"),
    ("models: [cnn]", "models: [cnm]", "grids.images.models.cnm.model", "did you mean 'models/cnn'?"),
    ("data: [pictures]", "data: [picture]", "grids.images.data.picture.data", "did you mean 'pictures'?"),
    ("models: [mlp], set", "models: [mpl], set", "grids.mixed.data.more.models.0", "did you mean 'mlp'?"),
    ("flower_mlp: {set", "flower_mlpp: {set", "experiments.flower_mlpp", "did you mean 'flower_mlp'?"),
    ("flower_mlp: {set", "flower_mlpp: {set", "experiments.flower_mlpp", "needs data, model and recipe"),
    # values, wherever they stand
    ("hidden: [16]", "hiden: [16]", "grids.mixed.models.mlp.args.hiden", "did you mean 'hidden'?"),
    ("weight_decay: 0.1", "weight_dekay: 0.1", "grids.mixed.set.weight_dekay", "did you mean 'weight_decay'?"),
    ("lr: 0.02", "lr: x", "experiments.flower_mlp.set.lr", "valid number"),
    ("lr: 0.05", "lr: -1.0", "grids.mixed.models.wide.set.lr", "greater than 0"),
    ("only: [laptop]", "only: [labtop]", "grids.mixed.data.more.only.0", "did you mean 'laptop'?"),
    ("view: none", "view: flatten", "grids.mixed.view", "does not apply to tabular data"),
    ("    recipe: quick\n    set", "    set", "grids.mixed.models.mlp.recipe", "Field required"),
    ("lr: 0.02", "cutmix: 1.0", "experiments.flower_mlp", "cutmix 1.0 is for image data"),
    ("lr: 0.05", "cutmix: 1.0", "grids.mixed.models.wide", "row flower_wide: cutmix 1.0 is for image data"),
    # names that stand twice, and lists that are none
    ("data: [pictures]", "data: [pictures, pictures]", "grids.images.data", "'pictures' stands there twice"),
    ("models: [cnn]", "models: [cnn, {mlp: {}}]", "grids.images.models", "is no name"),
    ("data: [pictures]", "data: []", "grids.images.data", "at least 1"),
    ("  images:", "  images2: {data: [pictures], models: [cnn], recipe: quick}\n  images:", "grids.images.models.cnn",
     "row pictures_cnn is made by grid images2 too"),
    ("flower_mlp: {set", "flower_mlp: 3\n  x: {set", "experiments.flower_mlp", "valid dictionary"),
    ("      wide:", "      Wide:", "grids.mixed.models.Wide", "a-z, 0-9 and _"),
]  # fmt: skip


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused_in(GRIDS, check, before, after, key, said)


def test_a_row_for_each_pair_in_order(check: Any) -> None:
    rows = check(GRIDS).experiments
    assert list(rows) == ["flower_mlp", "flower_wide", "more_mlp", "flower_svm", "pictures_cnn", "own_svm"]
    assert rows["pictures_cnn"].model == "models/cnn" and rows["pictures_cnn"].view == "none"
    assert (rows["flower_svm"].model, rows["flower_svm"].recipe) == ("classical/svm", "fit")
    assert rows["flower_wide"].args == {"hidden": [64]} and rows["flower_wide"].data == "flowers"
    assert rows["more_mlp"].only == ["laptop"] and rows["flower_mlp"].only is None


def test_values_are_merged_key_by_key_and_the_most_special_one_counts(check: Any) -> None:
    rows = check(GRIDS).experiments
    assert rows["more_mlp"].set == {"weight_decay": 0.1, "batch_size": 8}  # of the grid, of the data set
    assert rows["flower_wide"].set == {"weight_decay": 0.1, "lr": 0.05}  # of the grid, of the model
    assert rows["flower_mlp"].set == {"weight_decay": 0.1, "lr": 0.02}  # of the grid, of the row
    assert rows["flower_mlp"].args == {"hidden": [16]}


def test_the_models_value_is_over_the_data_sets(check: Any) -> None:
    both = GRIDS.replace("flower: {data: flowers}", "flower: {data: flowers, set: {lr: 0.9, batch_size: 4}}", 1)
    assert check(both).experiments["flower_wide"].set == {"weight_decay": 0.1, "lr": 0.05, "batch_size": 4}


def test_a_value_that_rows_share_is_wrong_once(check: Any) -> None:
    with pytest.raises(ParamsError) as caught:
        check(GRIDS.replace("weight_decay: 0.1", "weight_decay: -1.0"))
    assert str(caught.value).count("grids.mixed.set.weight_decay: row flower_mlp and 2 more: ") == 1
    with pytest.raises(ParamsError, match="grids.solved.set.lr: row flower_svm: unknown key 'lr'; valid: kind, sampl"):
        check(GRIDS.replace("recipe: fit\n", "recipe: fit\n    set: {lr: 0.1}\n", 1))


def test_a_key_that_stands_twice_is_refused(check: Any) -> None:
    with pytest.raises(ParamsError, match=r"params.yaml:\d+: key 'cnn' is there already, in line \d+; keep one"):
        check(GRIDS.replace("models: [cnn]", "models: {cnn: {}, cnn: {}}"))


def test_rows_of_a_grid_can_be_searched_varied_and_compressed(check: Any) -> None:
    added = "studies:\n  sizes: {of: flower_mlp, vary: [{args: {hidden: [4]}}, {args: {hidden: [8]}}]}\n"
    found = check(GRIDS + added)
    assert list(found.varied("sizes").experiments) == ["sizes_1", "sizes_2"]
    assert found.variants["pictures_cnn_int8"].of == "pictures_cnn" and set(found.search) == {"flower_mlp"}


def test_what_is_written_out_is_the_same(check: Any) -> None:
    raw = loading.reading.read(GRIDS)
    before = copy.deepcopy(raw)
    written = expand(raw)
    assert raw == before and "grids" not in written and expand(written) == written
    assert loading.parse(written).experiments == check(GRIDS).experiments
    written["experiments"]["flower_mlp"]["set"]["weight_decay"] = 0.7
    assert written["experiments"]["flower_wide"]["set"]["weight_decay"] == 0.1  # rows share nothing


def test_an_edit_of_a_scratch_copy_sees_every_row(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(GRIDS)
    scratch.change(tmp_path, lambda sections: sections["experiments"]["flower_wide"]["set"].update(lr=0.5))
    assert loading.load(tmp_path / "params.yaml").recipe_of("flower_wide").lr == 0.5
    assert "&" not in (tmp_path / "params.yaml").read_text()


def test_the_shipped_file_has_short_lines_and_no_anchors() -> None:
    lines = (scratch.ROOT / "params.yaml").read_text().splitlines()
    assert not [line for line in lines if len(line) > 120]
    assert not [line for line in lines if ": &" in line or ": *" in line]  # `dvc exp run -S` loses them


@pytest.mark.slow
def test_dvc_changes_one_row_of_a_grid(tmp_path: Path) -> None:
    """The line that params.yaml shows, with the real DVC on the shipped file; all else stays what it is."""
    text = (scratch.ROOT / "params.yaml").read_text()
    (shown,) = re.findall(r"dvc exp run -S '([^']+)'", text)
    (tmp_path / "params.yaml").write_text(text)
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: 'true', params: [profile]}}\n")
    setup = "git init -q && git config user.email a@b && git config user.name a && dvc init -q && git add -A"
    scratch.run(tmp_path, "bash", "-c", f"{setup} && git commit -qm first && dvc exp run -S '{shown}'")
    before, after = loading.load(scratch.ROOT / "params.yaml"), loading.load(tmp_path / "params.yaml")
    assert before.recipe_of("fmnist_lenet5").lr != after.recipe_of("fmnist_lenet5").lr == 0.002
    changed = before.experiments["fmnist_lenet5"].model_copy(update={"set": {"batch_size": 32, "lr": 0.002}})
    assert after.experiments == before.experiments | {"fmnist_lenet5": changed}
    assert after.studies == before.studies and after.data == before.data
