import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from pipeline.config.sections import Params
from pipeline.report.build import build, table
from tests.report.conftest import Laboratory
from tests.sources import ROOT

REFERENCE = """
name: a_list <script>
citation: "A & B <script>alert(1)</script> 100 %"
url: https://example.org/x
figures:
  - {data: fashion_mnist, model: mlp, metric: accuracy, value: 0.8833, comparable: true, note: n_1, checked: memory}
  - {data: elsewhere, model: unheard_of, metric: accuracy, value: 0.5, comparable: true, note: unused, checked: source}
"""


def report(laboratory: Laboratory) -> Path:
    return laboratory.root / "reports" / "laptop"


def row(laboratory: Laboratory, key: str) -> dict[str, str]:
    with (report(laboratory) / "comparison.csv").open() as file:
        return next(r for r in csv.DictReader(file) if r["key"] == key)


def line(text: str, key: str) -> str:
    return next(found for found in text.splitlines() if found.startswith(key))


@pytest.mark.slow
def test_whole_report(laboratory: Laboratory, params: Params) -> None:
    laboratory.write_all()
    laboratory.meta("fashion_mnist")
    (laboratory.root / "references").mkdir()
    (laboratory.root / "references" / "list.yaml").write_text(REFERENCE)
    text = build(params, root=laboratory.root)
    assert max(map(len, text.partition("± is")[0].splitlines())) <= 120
    names = {path.name for path in report(laboratory).iterdir()}
    tables = {f"comparison.{kind}" for kind in ("csv", "md", "tex", "html", "txt")}
    figures = tuple(
        f"{kind}_{d}" for kind in ("score_against_cost", "learning_curves") for d in ("fashion_mnist", "digits")
    )
    pictures = {f"{figure}.png" for figure in figures}
    assert names == {"results.csv", "costs.csv", "metrics.json"} | tables | pictures
    mlp = row(laboratory, "fmnist_mlp")
    assert float(mlp["published_difference"]) == pytest.approx(float(mlp["score"]) - 0.8833)
    assert mlp["published_comparable"] == "False"  # 10,000 samples here
    page = (report(laboratory) / "comparison.html").read_text()
    assert (
        "<script" not in page and "from memory" in page and "train-test: 7" not in page and "Xiao &lt;2017&gt;" in page
    )
    assert "remarks: 7 of 10000 items of test are also in train; left out: spam.zip/one</p>" in page
    assert r"a\_list $<$script$>$" in (report(laboratory) / "comparison.tex").read_text()


def test_results_are_the_inputs_in_the_order_of_the_parameters(written: Laboratory, params: Params) -> None:
    build(params, root=written.root)
    with (report(written) / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    keys = [r["experiment"] if r["variant"] == "none" else r["variant"] for r in rows]
    assert list(dict.fromkeys(keys)) == [*params.experiments, *params.variants]
    source = (written.root / "results/laptop/fmnist_mlp/scores.csv").read_text().splitlines()
    kept = (report(written) / "results.csv").read_text().splitlines()
    facts = "laptop,fmnist_mlp,fashion_mnist,mlp,one_cycle,none,"
    assert {facts + line for line in source[1:]} <= set(kept)  # no number is rewritten


@pytest.mark.slow
def test_same_input_same_bytes(written: Laboratory, tmp_path: Path, params: Params) -> None:
    first = {path.name: path.read_bytes() for path in report(written).iterdir()}
    again = Laboratory(tmp_path / "again", params)
    again.write_all()
    for laboratory in (written, again):
        build(params, root=laboratory.root)
        assert {path.name: path.read_bytes() for path in report(laboratory).iterdir()} == first


@pytest.mark.slow
def test_a_picture_is_drawn_only_where_its_numbers_changed(written: Laboratory, params: Params) -> None:
    build(params, root=written.root)
    before = {path.name: path.stat().st_mtime_ns for path in report(written).glob("*.png")}
    written.write("digits_svm", values=[0.9, 0.91, 0.92])  # it has no learning curve
    build(params, root=written.root)
    after = {path.name: path.stat().st_mtime_ns for path in report(written).glob("*.png")}
    assert {name for name in after if before[name] != after[name]} == {"score_against_cost_digits.png"}
    build(params, root=written.root, pdf=True)
    assert {path.stem for path in report(written).glob("*.pdf")} == {path.removesuffix(".png") for path in after}


def test_a_table_of_one_data_set_costs_no_heavy_import(written: Laboratory, params: Params) -> None:
    assert table(params, "digits", written.root) in build(params, root=written.root)
    code = "import sys; from pipeline.config import loading; from pipeline.report.build import build, table\n"
    code += "table(loading.load(), 'iris'); print([m for m in ('torch', 'matplotlib', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_figures_show_something(written: Laboratory, params: Params) -> None:
    build(params, root=written.root)
    figures = list(report(written).glob("*.png"))
    assert figures
    for path in figures:
        pixels = imread(path)
        assert min(pixels.shape[:2]) > 300
        assert (pixels[..., :3].min(axis=2) < 0.9).mean() > 0.01, path.name


def test_survivors_are_never_averaged_silently(written: Laboratory, params: Params) -> None:
    written.write("fmnist_cnn", failed={2: "loss is nan at step 12, epoch 0"}, values=[0.87, 0.88, 0.0])
    text = build(params, root=written.root)
    assert "87.50 (2 of 3 seeds)" in line(text, "fmnist_cnn ")
    assert "fmnist_cnn FAILED: seed 2: loss is nan at step 12, epoch 0" in text
    assert row(written, "fmnist_cnn")["status"] == "partial"
    for kind in ("md", "html", "tex"):
        assert "87.50 (2 of 3 seeds)" in (report(written) / f"comparison.{kind}").read_text()
    metrics = json.loads((report(written) / "metrics.json").read_text())["fmnist_cnn"]
    assert (metrics["accuracy"], metrics["seeds_ok"], metrics["seeds"]) == (pytest.approx(0.875), 2, 3)


def test_all_failed(written: Laboratory, params: Params) -> None:
    written.write("fmnist_cnn", failed=dict.fromkeys(range(3), "diverged <b>"))
    written.write("fmnist_lenet5_int8", failed=dict.fromkeys(range(3), "no parent"))
    text = build(params, root=written.root)
    assert line(text, "fmnist_cnn ").split()[1:] == ["FAILED", "0", "of", "3"]
    assert "FAILED" in line(text, "fmnist_lenet5_int8 ")
    assert row(written, "fmnist_cnn")["score"] == ""
    assert "diverged &lt;b&gt;" in (report(written) / "comparison.html").read_text()
    assert "accuracy" not in json.loads((report(written) / "metrics.json").read_text())["fmnist_cnn"]


def test_not_run_here(laboratory: Laboratory, params: Params) -> None:
    laboratory.write("fmnist_mlp")
    text = build(params, root=laboratory.root)
    assert line(text, "fmnist_resnet20 ").endswith("not run here")
    assert "make repro EXPERIMENT=fmnist_resnet20" in text and "make import-cells FROM=" in text
    assert "fmnist_resnet20" not in json.loads((report(laboratory) / "metrics.json").read_text())


def test_nothing_run_at_all(laboratory: Laboratory, params: Params) -> None:
    build(params, root=laboratory.root)
    build(params, "paper", root=laboratory.root)
    assert not list(report(laboratory).glob("*.png"))
    assert (laboratory.root / "reports/paper/comparison.html").exists()


def test_no_spread_is_a_dash(written: Laboratory, params: Params) -> None:
    text = build(params, root=written.root)
    assert line(text, "fmnist_svm ").split()[1:3] == ["86.90", "—"]
    assert "deterministic" in (report(written) / "comparison.md").read_text()


@pytest.mark.slow
def test_only_what_the_parameters_name(written: Laboratory, params: Params) -> None:
    fewer = {key: value for key, value in params.experiments.items() if key != "fmnist_cnn"}
    profile = params.profiles["laptop"].model_copy(update={"seeds": [0, 1]})
    changed = params.model_copy(update={"experiments": fewer, "profiles": {"laptop": profile}})
    assert "fmnist_cnn" not in build(changed, root=written.root)
    assert row(written, "fmnist_mlp")["seeds_ok"] == "2"


def test_a_table_says_how_many_seeds_its_data_set_has(laboratory: Laboratory, params: Params) -> None:
    few = params.data["digits"].model_copy(update={"seeds": list(range(10))})
    changed = params.model_copy(update={"data": params.data | {"digits": few}})
    for key in changed.experiments:
        Laboratory(laboratory.root, changed).write(key)
    text = build(changed, root=laboratory.root)
    assert "digits: 10,000 training samples, 4 epochs, 10 seeds" in text
    assert "fashion_mnist: 10,000 training samples, 4 epochs, 3 seeds" in text
    assert "10 of 10" in line(text, "digits_mlp ") and "3 of 3" in line(text, "fmnist_mlp ")


def test_a_row_with_other_seeds_is_named_in_the_caption(laboratory: Laboratory, params: Params) -> None:
    few = params.experiments["fmnist_mlp"].model_copy(update={"seeds": {"laptop": [0]}})
    changed = params.model_copy(update={"experiments": params.experiments | {"fmnist_mlp": few}})
    text = table(changed, "fashion_mnist", laboratory.root)
    assert text.startswith("fashion_mnist: 10,000 training samples, 4 epochs, 3 seeds (fmnist_mlp 1)\n")


def test_results_of_other_parameters_are_not_shown_as_these(written: Laboratory, params: Params) -> None:
    """After an edit the old numbers are no row of the new parameters, whatever part of them changed."""
    other = params.experiments["fmnist_cnn"].model_copy(update={"set": {"lr": 0.5}})
    build(params.model_copy(update={"experiments": params.experiments | {"fmnist_cnn": other}}), root=written.root)
    found = row(written, "fmnist_cnn")
    assert (found["status"], found["score"]) == ("not run", "")
    assert "make repro EXPERIMENT=fmnist_cnn" in (report(written) / "comparison.txt").read_text()
    assert row(written, "fmnist_mlp")["status"] == "ok"


def test_compression_is_paired_by_seed(written: Laboratory, params: Params) -> None:
    build(params, root=written.root)
    found = row(written, "fmnist_lenet5_int8")  # before exceeds after by 0, 0.1 and 0.2 points
    assert float(found["score_change"]) == pytest.approx(-0.001)
    assert float(found["score_change_half_width"]) == pytest.approx(4.302653 * 0.001 / 3**0.5, rel=1e-5)


def test_a_row_that_nobody_asked_for_is_in_no_table(written: Laboratory, params: Params) -> None:
    made = params.experiments["fmnist_cnn"].model_copy(update={"on_request": True})
    extra = made.model_copy(update={"args": {"hidden": 3}})
    changed = params.model_copy(
        update={"experiments": params.experiments | {"fmnist_cnn": made, "fmnist_extra": extra}}
    )
    text = build(changed, root=written.root)
    assert "fmnist_extra" not in text and row(written, "fmnist_cnn")["status"] == "ok"


def test_auroc_stands_beside_f1_where_results_have_it(written: Laboratory, params: Params) -> None:
    scores = written.root / "results/laptop/fmnist_mlp/scores.csv"
    scores.write_text(scores.read_text() + "".join(f"{seed},test,auroc,{0.9 + seed / 100},ok\n" for seed in range(3)))
    build(params, root=written.root)
    lines = (report(written) / "comparison.md").read_text().splitlines()
    cells = {found.split(" | ")[0]: found.split(" | ") for found in lines}
    header = next(found for found in lines if found.startswith("| experiment")).split(" | ")
    place = header.index("AUROC %")
    assert header[place - 1] == "macro F1 %"
    assert cells["| fmnist_mlp"][place] == "91.00" and cells["| fmnist_cnn"][place] == ""  # from before there was one
    metrics = json.loads((report(written) / "metrics.json").read_text())
    assert metrics["fmnist_mlp"]["auroc"] == pytest.approx(0.91) and "auroc" not in metrics["fmnist_cnn"]


def test_classes_of_unequal_size_have_a_table(written: Laboratory, params: Params) -> None:
    told = {"classes": ["rare", "usual"], "test": {str(seed): [[5, 5], [0, 90]] for seed in range(3)}}
    (written.root / "results/laptop/digits_mlp/confusion.json").write_text(json.dumps(told))
    build(params, root=written.root)
    text = (report(written) / "comparison.md").read_text()
    assert "digits: F1 of each class in %" in text and "| rare | 10 | 10.00 | 66.67 |" in text
    assert "fashion_mnist: F1 of each class" not in text
