import difflib
import shutil
from pathlib import Path

import pytest

from bench import scratch
from pipeline.config.loading import ParamsError, load
from pipeline.search.promote import promote
from pipeline.training.recipe import resolve
from tests.search.conftest import Laboratory

BOTH = """
from pipeline.config import loading
from pipeline.run.plan import Plan
from pipeline.search.study import Study
from pipeline.search.subject import Subject
plan = Plan(loading.load())
subject = Subject(plan, "digits_mlp")
best, _ = Study(subject, create=False).better
assert subject.cell(best.values).key == plan.train("digits_mlp_tuned", subject.seed).key
assert plan.train("digits_mlp_tuned", subject.seed).complete
print(loading.load().recipes["digits_mlp_tuned"].lr)
"""


@pytest.fixture
def done(swept: Laboratory, tmp_path: Path) -> Laboratory:
    shutil.copytree(swept.root, tmp_path / "project")
    return Laboratory(tmp_path / "project")


def test_lines_are_added_and_none_is_touched(done: Laboratory) -> None:
    text = done.params.read_text()
    text = text.replace("experiments:\n", "experiments:  # rows\n").replace("evaluators:", "\n# kept\nevaluators:")
    done.params.write_text(text)
    before = done.params.read_bytes().decode().splitlines(keepends=True)
    done.run("promote")
    after = done.params.read_bytes().decode().splitlines(keepends=True)
    changes = [line for line in difflib.ndiff(before, after) if not line.startswith("  ")]
    assert changes and all(line.startswith("+ ") for line in changes)
    assert sum("digits_mlp_tuned" in line for line in changes) == 2


def test_the_projects_own_file_keeps_every_byte(tmp_path: Path) -> None:
    path = Path(shutil.copy(scratch.ROOT / "params.yaml", tmp_path))
    before = path.read_text()
    added = promote(path, "fmnist_mlp", {"set.lr": 0.00312, "set.batch_size": 128}, "Best.")
    kept = path.read_text().split("\n")
    first = kept.index(added[0])
    del kept[first : first + len(added) - 1]
    kept.remove(added[-1])
    assert "\n".join(kept) == before
    after = load(path)
    changed = resolve(after.recipe_of("fmnist_mlp"), {"lr": 0.00312, "batch_size": 128})
    assert after.recipe_of("fmnist_mlp_tuned") == changed


def test_the_new_row_is_the_best_trial_to_the_last_bit(done: Laboratory) -> None:
    done.run("promote")
    assert float(done.python(BOTH)) == done.study()["settled"][0][1]["set.lr"]


def test_a_second_promote_changes_nothing(done: Laboratory) -> None:
    done.run("promote")
    text = done.params.read_text()
    assert "already" in done.run("promote").stdout
    assert done.params.read_text() == text


def test_a_row_of_that_name_with_other_values_is_left_alone(done: Laboratory) -> None:
    done.run("promote")
    scratch.change(done.root, lambda params: params["experiments"]["digits_mlp_tuned"]["args"].update(hidden=[8]))
    text = done.params.read_text()
    refused = done.run("promote", check=False)
    assert refused.returncode == 1 and "is there already with other values" in refused.stderr
    assert done.params.read_text() == text


def test_without_a_sweep_it_says_what_to_run(laboratory: Laboratory) -> None:
    before = laboratory.params.read_bytes()
    refused = laboratory.run("promote", check=False)
    assert refused.returncode == 1 and "make sweep" in refused.stderr
    assert laboratory.params.read_bytes() == before


TEXT = """\
# top
profile: p
profiles:
    p: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5.0}
data:
    shapes:
        {source: x.npz, reader: npz, options: {shape: [1, 8, 8]}, task: classification, split: {},
         budget: {p: {epochs: 1}}}
recipes:
    quick: {lr: 0.01, kind: gradient}   # why

    # of the next
    solver: {kind: fit}
experiments:
    shapes_mlp: {data: shapes, model: models/mlp, recipe: quick, view: flatten, args: {}, set: {batch_size: 8}}
evaluators: {quality: {}}
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_layout_is_kept(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(TEXT.replace("\n", newline).encode())
    added = promote(path, "shapes_mlp", {"set.lr": 1e-05, "args.activation": "tanh"}, "Best.")
    lines = path.read_bytes().decode().split(newline)
    assert newline.join(line for line in lines if line not in added) == TEXT.replace("\n", newline)
    at = lines.index("    quick: {lr: 0.01, kind: gradient}   # why")
    recipe = ["shapes_mlp_tuned:", "  lr: 1.0e-05", "  kind: gradient", "  batch_size: 8"]
    assert lines[at + 1 : at + 6] == ["    # Best.", *("    " + line for line in recipe)]
    assert "recipe: shapes_mlp_tuned, view: flatten, args: {activation: tanh}, set: {}}" in added[-1]


def test_a_section_on_one_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = TEXT.replace(
        "recipes:\n    quick: {lr: 0.01, kind: gradient}   # why\n", "recipes: {quick: {lr: 0.01, kind: gradient}}\n"
    )
    text = text.replace("    solver: {kind: fit}\n", "")
    path.write_text(text)
    with pytest.raises(ParamsError, match="recipes is not written as a block"):
        promote(path, "shapes_mlp", {"set.lr": 0.1}, "Best.")
    assert path.read_text() == text
