"""A whole project: the same results however it is run, and nothing done twice."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_iris

from bench import scratch
from pipeline.cells.cell import record
from tests import helpers
from tests.conftest import small

# the same to the last bit


def test_a_second_clone_with_one_job_gives_the_same(finished: Path, fresh: Callable[..., Path]) -> None:
    names = {"digits_mlp", "iris_mlp", "iris_svm"}
    clone = fresh(small(rows=names))
    scratch.cli(clone, "repro", "--jobs", "1")
    expected = {label: w for label, w in helpers.weights(finished).items() if label.split()[0] in names}
    assert helpers.weights(clone) == expected and len(set(expected.values())) == 5, "both seeds of the svm are equal"
    assert rows(clone) == [row for row in rows(finished) if row["experiment"] in names]


def test_plain_dvc_and_a_single_cell_give_the_same(finished: Path, fresh: Callable[..., Path]) -> None:
    """One seed alone in an interpreter of its own, against the same one after others and beside others."""

    def edit(sections: dict[str, Any]) -> None:
        scratch.only(["iris_mlp"], seeds=[1], epochs=2)(sections)

    alone = fresh(edit)
    scratch.run(alone, sys.executable, "-m", "dvc", "repro")
    assert helpers.weights(alone) == {"iris_mlp seed1": helpers.weights(finished)["iris_mlp seed1"]}
    assert rows(alone) == [r for r in rows(finished) if (r["experiment"], r["seed"]) == ("iris_mlp", "1")]


def rows(project: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(helpers.results(project).decode())))


def test_cells_of_another_machine_are_taken_up_without_training(finished: Path, fresh: Callable[..., Path]) -> None:
    """Also under another name of the recipe and with better comments; the table follows the name."""

    def edit(sections: dict[str, Any]) -> None:
        small()(sections)
        sections["recipes"]["renamed"] = sections["recipes"]["adamw_one_cycle"]
        sections["experiments"]["iris_mlp"]["recipe"] = "renamed"

    here = fresh(edit)
    path = here / "pipeline" / "training" / "system.py"
    path.write_text(
        path.read_text().replace('"""The one LightningModule', '# A comment.\n"""The only LightningModule', 1)
    )
    scratch.cli(here, "import-cells", str(finished))
    done = scratch.cli(here, "repro")
    assert "[1/" not in done.stdout, "a cell was made"
    assert helpers.cells(here) == helpers.cells(finished) and helpers.weights(here) == helpers.weights(finished)
    expected = [{**r, "recipe": "renamed"} if r["experiment"] == "iris_mlp" else r for r in rows(finished)]
    assert rows(here) == expected


CELL = """
import json, os, sys, tempfile, importlib
from pathlib import Path
import torch, pytorch_lightning, sklearn.svm, sklearn.metrics, onnxruntime  # the slow ones, once; none of ours
markers = {p.parent: json.loads(p.read_text()) for p in Path(".cells").glob("*/cell.json")}
named = {m[k]: folder for folder, m in markers.items() for k in ("key", "digest")}
done = set()
for folder in markers:
    inside = markers[folder].get("records", {})
    spec, result = (inside.get(n) or json.loads((folder / n).read_text()) for n in ("spec.json", "result.json"))
    sort = (spec["entry"], spec.get("model"), spec.get("evaluator"), len(result))
    if sort in done:
        continue
    done.add(sort)
    reader, writer = os.pipe()
    if not os.fork():
        sys.path.insert(0, os.getcwd())
        from pipeline.cells.cell import parsed
        with tempfile.TemporaryDirectory() as made:
            inputs = {name: named[key] for name, key in spec["inputs"].items()}
            module = importlib.import_module(spec["entry"])
            module.run(parsed(module.Spec, spec), Path(made), inputs)
        files = {m.__file__ for n, m in sys.modules.items() if n.startswith("pipeline.")}
        used = sorted(os.path.relpath(f) for f in files if f and not f.endswith("__init__.py"))
        os.write(writer, json.dumps(used).encode())
        os._exit(0)
    os.close(writer)
    print(json.dumps([spec["kind"], json.loads(os.read(reader, 100000)), sorted(spec["sources"])]))
"""


def test_a_cell_imports_nothing_that_its_key_does_not_cover(finished: Path) -> None:
    """Also what is looked up by name at run time."""
    from pipeline.cells.fingerprint import PLUMBING

    done = scratch.run(finished, sys.executable, "-c", CELL)
    seen = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert {kind for kind, _, _ in seen} == {"fetch", "prepare", "train", "predict", "evaluate"} and len(seen) >= 7
    for kind, used, sources in seen:
        assert set(used) - PLUMBING <= set(sources), kind


# nothing twice


def test_edit_revert_another_seed_another_profile(project: Path) -> None:
    """`why` names what will run; what was there before is never made again."""
    table = helpers.results(project)
    assert scratch.cli(project, "why").stdout == "nothing to compute: every cell is there\n"

    scratch.change(project, lambda s: s["experiments"]["iris_mlp"]["set"].update(lr=0.02))
    why = scratch.cli(project, "why").stdout
    assert "    recipe.lr: 0.01 -> 0.02\n" in why
    before = helpers.cells(project)
    done = scratch.cli(project, "repro")
    predicted = {line.partition("  (")[0] for line in why.splitlines() if "  (" in line}
    assert predicted == {"train iris_mlp", "evaluate iris_mlp"}
    assert set(helpers.stages(done.stdout)) == {"plan", "train", "compress", "evaluate", "report", "publish"}
    assert len(helpers.cells(project) - before) == 10  # two seeds: a training, a prediction, three evaluations
    assert helpers.results(project) != table

    scratch.change(project, lambda s: s["experiments"]["iris_mlp"]["set"].update(lr=0.01))  # reverted
    assert scratch.cli(project, "why").stdout == "nothing to compute: every cell is there\n"
    before = helpers.cells(project)
    scratch.change(project, lambda s: s["profiles"]["laptop"].update(seeds=[0, 1, 2]))  # and a seed more, of one row
    scratch.cli(project, "repro", "--experiment", "iris_mlp")
    assert sorted(_told(project, name) for name in helpers.cells(project) - before) == [
        *[("evaluate", None)] * 3,
        ("predict", None),
        ("train", 2),
    ]
    assert [
        r["seed"]
        for r in rows(project)
        if (r["experiment"], r["metric"], r["split"]) == ("iris_mlp", "accuracy", "test")
    ] == ["0", "1", "2"]
    other = next(
        line for line in (project / "reports/laptop/comparison.txt").read_text().splitlines() if "iris_svm " in line
    )
    assert "2 of 3" in other, "a row whose third seed was not run must say so"

    def switch(sections: dict[str, Any]) -> None:
        sections["profile"] = "paper"
        sections["profiles"]["laptop"]["seeds"] = [0, 1]
        for budget in sections["data"]["iris"]["budget"].values():
            budget["epochs"] = budget["epochs"] if budget is sections["data"]["iris"]["budget"]["laptop"] else 3

    scratch.change(project, switch)
    before = helpers.cells(project)
    scratch.cli(project, "repro", "--experiment", "iris_svm")
    assert len(helpers.cells(project) - before) == 10
    assert {p.name for p in (project / "artifacts" / "paper" / "train").iterdir()} == {"iris_svm"}
    scratch.change(project, lambda s: s.update(profile="laptop"))
    before = helpers.cells(project)
    done = scratch.cli(project, "repro")
    assert helpers.cells(project) == before and not [s for s in helpers.stages(done.stdout) if s.startswith("train")]
    assert helpers.results(project) == table
    assert (project / "reports" / "paper" / "results.csv").is_file()


def test_a_row_of_another_profile_costs_nothing_and_is_in_no_table(project: Path) -> None:
    scratch.change(project, lambda s: s["experiments"]["iris_mlp"].update(only=["paper"]))
    before = helpers.cells(project)
    done = scratch.cli(project, "repro")
    assert helpers.cells(project) == before and "train" in helpers.stages(done.stdout)
    assert (
        not [r for r in rows(project) if r["experiment"] == "iris_mlp"]
        and "iris_mlp" not in done.stdout.split("iris:")[1]
    )
    assert not (project / "results/laptop/iris_mlp").exists(), "it is no row of this profile"
    refused = scratch.cli(project, "repro", "--experiment", "iris_mpl", check=False)
    assert refused.returncode == 1 and "unknown experiment 'iris_mpl'" in refused.stderr


def _told(project: Path, name: str) -> tuple[str, int | None]:
    spec = record(project / ".cells" / name, "spec.json")
    return spec["kind"], spec.get("seed")


# data of one's own


def test_a_users_own_data_needs_no_code(fresh: Callable[..., Path]) -> None:
    """An entry each with a path: a table, an archive of images, folders of images."""
    digits, iris = load_digits(), load_iris()

    def edit(sections: dict[str, Any]) -> None:
        scratch.only(["iris_mlp"])(sections)
        experiment, shared = sections["experiments"].pop("iris_mlp"), sections["data"].pop("iris")
        shared["budget"]["laptop"]["epochs"] = 6
        split = {"validation": 0.2, "test": 0.25, "seed": 0}
        entries = {
            "my_table": ("my/table.csv", "csv", {"skip": 1}, "models/mlp", {"hidden": [16]}),
            "my_archive": ("my/archive.npz", "npz", {"shape": [1, 8, 8]}, "models/cnn", {"filters": [8]}),
            "my_folders": (
                "my/folders",
                "image_folder",
                {"size": [8, 8], "channels": 1},
                "models/cnn",
                {"filters": [8]},
            ),
        }
        for name, (source, reader, options, model, args) in entries.items():
            given = {"source": source, "reader": reader, "options": options, "split": split}
            sections["data"][name] = {**shared, **given}
            sections["experiments"][f"{name}_row"] = {**experiment, "data": name, "model": model, "args": args}

    project = fresh(edit)
    (project / "my" / "folders").mkdir(parents=True)
    lines = [",".join([*map(str, x), str(iris.target_names[y])]) for x, y in zip(iris.data, iris.target, strict=True)]
    (project / "my" / "table.csv").write_text("\n".join(["a,b,c,d,kind", *lines]))
    images = digits.images.astype(np.uint8)
    np.savez(project / "my" / "archive.npz", x_train=images[:600], y_train=digits.target[:600])
    for number, (image, label) in enumerate(zip(images[:200], digits.target[:200], strict=True)):
        path = project / "my" / "folders" / f"digit_{label}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image * 15).save(path)
    done = scratch.cli(project, "repro")
    found = {
        r["dataset"]: float(r["value"]) for r in rows(project) if (r["metric"], r["split"]) == ("accuracy", "test")
    }
    assert found["my_table"] > 0.5 and found["my_archive"] > 0.5 and found["my_folders"] > 0.3, done.stdout
    meta = json.loads((project / "data" / "prepared" / "my_folders" / "meta.json").read_text())
    assert meta["classes"] == [f"digit_{i}" for i in range(10)] and meta["shape"] == [1, 8, 8]

    (project / "my" / "table.csv").write_text("\n".join(["a,b,c,d,kind", *lines[:-1]]))
    why = scratch.cli(project, "why").stdout
    assert "prepare my_table" in why and "train my_table_row" in why and "my_archive" not in why


def test_a_clone_with_git_knows_its_commit(finished: Path, tmp_path: Path) -> None:
    """Every cell says which code made it, and whether that was committed."""
    costs = [record(p.parent, "costs.json") for p in finished.glob(".cells/*/cell.json")]
    assert costs and all({"commit", "dirty", "hardware", "versions", "lock", "seconds"} <= set(c) for c in costs)
    project = tmp_path / "project"
    shutil.copytree(
        finished, project, ignore=shutil.ignore_patterns(".cells", "mlflow", "artifacts", "data", "__pycache__")
    )
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project)]
    for words in (["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)
    code = "import json; from pipeline.cells import provenance; print(json.dumps(provenance.commit()))"
    clean = json.loads(scratch.run(project, sys.executable, "-c", code).stdout)
    assert len(clean["commit"]) == 40 and clean["dirty"] is None
    (project / "params.yaml").write_text((project / "params.yaml").read_text() + "\n")
    dirty = json.loads(scratch.run(project, sys.executable, "-c", code).stdout)
    assert dirty["commit"] == clean["commit"] and dirty["dirty"]
