"""A ledger without its store: fresh clones, other machines, other profiles, files that come later."""

import json
import shutil
from pathlib import Path

from pipeline.tracking.ledger import Ledger
from tests.tracking.conftest import Laboratory
from tests.tracking.reading import client, in_a_process, runs


def test_without_files_the_numbers_stay_in_the_ledger_and_no_alias_leads_nowhere(laboratory: Laboratory) -> None:
    laboratory.publish()
    before = Ledger(laboratory.roots.ledger)
    laboratory = laboratory.without_store()
    shutil.rmtree(laboratory.shown("shapes_svm"))
    shutil.rmtree(laboratory.roots.cells)
    receipt = laboratory.publish()
    assert "shapes_svm, seed 0: made elsewhere, its model is not here" in receipt["missing"]
    names = [model.name for model in client(laboratory).search_registered_models()]
    assert names == ["shapes-mlp"] and not [name for name in runs(laboratory) if name[1] == "shapes_svm"]
    after = Ledger(laboratory.roots.ledger)
    assert (after.versions, after.aliases) == (before.versions, before.aliases)


def test_a_lost_number_before_a_version_is_kept_by_a_placeholder(laboratory: Laboratory) -> None:
    laboratory.publish()
    laboratory.edit("lr: 0.01", "lr: 0.02")
    laboratory.run("shapes_mlp")
    laboratory.publish()
    aliases = Ledger(laboratory.roots.ledger).aliases
    clone = laboratory.without_store()
    shutil.rmtree(clone.roots.cells)  # the files of lr 0.01 are nowhere any more
    clone.publish()
    found = {int(v.version): v.tags.get("files", "") for v in client(clone).search_model_versions("name='shapes-mlp'")}
    assert {n: bool(tag) for n, tag in found.items()} == {1: True, 2: True, 3: False, 4: False}
    assert found[1].startswith("lost") and Ledger(clone.roots.ledger).aliases == aliases
    shutil.copytree(laboratory.roots.cells, clone.roots.cells)
    clone.roots.store.joinpath("published.json").unlink()
    assert clone.publish()["changed"] == 2
    load = "from pipeline.tracking.commands import load\nprint(load('shapes-mlp/1'))"
    assert "versions/shapes-mlp/1" in in_a_process(clone, load)


def test_a_part_of_the_runs_takes_nothing_away_and_the_rest_mends_it(published: Laboratory, tmp_path: Path) -> None:
    """A fresh clone has the ledger; after one experiment there, and then the others, all is as it was."""
    clone = Laboratory(tmp_path / "clone")
    shutil.copytree(published.root, clone.root, ignore=shutil.ignore_patterns("mlflow", ".cells"))
    shutil.move(clone.root / "artifacts" / "laptop" / "train" / "shapes_svm", tmp_path / "svm")
    before = clone.roots.ledger.read_bytes()
    in_a_process(clone, "publish(loading.load())")
    assert clone.roots.ledger.read_bytes() == before
    shutil.move(tmp_path / "svm", clone.root / "artifacts" / "laptop" / "train" / "shapes_svm")
    load = "from pipeline.tracking.commands import load\nprint(load('shapes-svm@laptop_champion'))"
    assert "mlflow" in in_a_process(clone, f"publish(loading.load())\n{load}")
    assert clone.roots.ledger.read_bytes() == before


def test_a_row_that_only_another_profile_has_keeps_its_runs(laboratory: Laboratory) -> None:
    """Its runs, versions and aliases stay as they are; a row that is gone is superseded."""
    laboratory.publish()
    row = "model: classical/svm, recipe: solver, view: flatten, args: {}, set: {}"
    laboratory.edit(row, f"{row}, only: [laptop]")
    laboratory.edit("profile: laptop", "profile: paper")
    laboratory.publish()
    standing = {name[1]: run.data.tags["standing"] for name, run in runs(laboratory).items()}
    assert standing["shapes_svm"] == "current"
    assert Ledger(laboratory.roots.ledger).aliases["shapes-svm"]["laptop_champion"] == 1
    laboratory.edit("profile: paper", "profile: laptop")
    laboratory.edit("shapes_svm:", "shapes_svm_renamed:")
    laboratory.publish()
    standing = {name[1]: run.data.tags["standing"] for name, run in runs(laboratory).items()}
    assert standing["shapes_svm"] == "superseded" and standing["shapes_mlp"] == "current"


def test_on_another_processor_today_s_run_is_a_new_version_and_the_alias_moves_to_it(
    published: Laboratory, tmp_path: Path
) -> None:
    """A fresh clone there has the ledger, and cells whose weights differ in their last digits."""
    clone = Laboratory(tmp_path / "clone")
    shutil.copytree(published.root, clone.root, ignore=shutil.ignore_patterns("mlflow", "artifacts"))
    for result in clone.roots.cells.glob("*/result.json"):
        text = result.read_text().replace('"weights_hash": "', '"weights_hash": "x')
        result.unlink()
        result.write_text(text)
    load = "from pipeline.tracking.commands import load\n"
    load += "print(load('shapes-mlp@laptop_champion'), load('shapes-svm@laptop_champion'))"
    assert "mlflow" in in_a_process(clone, f"publish(loading.load())\n{load}")
    assert Ledger(clone.roots.ledger).aliases["shapes-mlp"]["laptop_champion"] == 3
    assert client(clone).get_model_version("shapes-mlp", "1").tags["files"].startswith("lost")


def test_every_alias_loads_in_one_process(published: Laboratory) -> None:
    aliases = [f"{m.name}@{alias}" for m in client(published).search_registered_models() for alias in m.aliases]
    loads = f"import mlflow\nfor alias in {aliases}: mlflow.pyfunc.load_model(f'models:/{{alias}}')\nprint('all')"
    code = "from pathlib import Path\nfrom pipeline.tracking.store import address\nimport mlflow\n"
    code += f"mlflow.set_tracking_uri(address(Path('mlflow')))\n{loads}"
    assert len(aliases) == 6 and in_a_process(published, code).strip().endswith("all")


def test_where_nothing_changed_mlflow_is_not_even_imported(laboratory: Laboratory) -> None:
    laboratory.publish()
    code = "print(publish(loading.load())['changed'])\nimport sys\n"
    code += "print([m for m in ('mlflow', 'torch', 'matplotlib', 'numpy') if m in sys.modules])"
    assert in_a_process(laboratory, code).split("\n")[:2] == ["0", "[]"]
    client(laboratory).set_registered_model_tag("shapes-mlp", "mine", "x")
    assert "mlflow" in in_a_process(laboratory, code), "the store is another, so it is looked at"


def test_results_of_the_model_before_are_not_taken_for_this_one_s(finished: Laboratory, tmp_path: Path) -> None:
    """Killed between training and evaluation: the results name the model that they are of."""
    laboratory = Laboratory(tmp_path / "killed")
    shutil.copytree(finished.root, laboratory.root)
    path = laboratory.shown("shapes_mlp") / "seed0" / "cell.json"
    marker = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps(marker | {"key": "f" * 32}))
    shutil.rmtree(laboratory.roots.cells / marker["key"])
    receipt = laboratory.publish()
    assert "shapes_mlp, seed 0: made elsewhere, its model is not here" in receipt["missing"]
    assert not [name for name in runs(laboratory) if name[4] == "f" * 32]


def test_a_model_saved_again_with_other_bytes_is_the_same_version(published: Laboratory, tmp_path: Path) -> None:
    """skops archives hold times: a second training of the same estimator writes another file."""
    clone = Laboratory(tmp_path / "clone")
    shutil.copytree(published.root, clone.root, ignore=shutil.ignore_patterns("mlflow", ".cells"))
    for path in clone.shown("shapes_svm").glob("*/model.skops"):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content + b"\0")
    before = clone.roots.ledger.read_bytes()
    in_a_process(clone, "publish(loading.load())")
    assert clone.roots.ledger.read_bytes() == before
