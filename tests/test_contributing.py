"""CONTRIBUTING.md followed to the letter, and studies that are of today's params.yaml."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import scratch
from pipeline import paths
from pipeline.config import loading
from pipeline.results.files import lines
from tests import helpers

BLOCK = re.compile(r"^```(?:python|yaml) (file|section)=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = re.split(r"^## ", (scratch.ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("heading", ["Add an architecture", "Add a data set", "Add a task", "Add a compression method"])
def test_the_lines_as_they_stand_give_a_row_of_the_table(tmp_path: Path, heading: str) -> None:
    project, entries = followed(tmp_path, heading)
    row = next(iter(entries.get("experiments") or entries["variants"]))
    scratch.cli(project, "repro", "--experiment", row)
    assert value(project, row, "test,accuracy") > 0.7


def test_an_evaluator_s_lines_give_a_value_and_no_prediction_is_made_again(tmp_path: Path) -> None:
    project, entries = followed(tmp_path, "Add an evaluator")
    scratch.change(project, lambda params: params["evaluators"].pop("top_k"))
    scratch.cli(project, "fill", "--experiment", "digits_mlp")
    before = helpers.cells(project)
    scratch.change(project, lambda params: params["evaluators"].update(entries["evaluators"]))
    scratch.cli(project, "repro", "--experiment", "digits_mlp")
    assert len(helpers.cells(project) - before) == 1 == len(helpers.cells(project, "predict"))
    assert 1.0 > value(project, "digits_mlp", "test,top_3_accuracy") > value(project, "digits_mlp", "test,accuracy")


def followed(folder: Path, heading: str) -> tuple[Path, dict[str, Any]]:
    """A project in which a section's blocks were written as they stand, and the entries that it got, by section."""
    blocks = BLOCK.findall(next(s for s in SECTIONS if s.startswith(heading)))
    entries = {name: YAML(typ="safe").load(text) for kind, name, text in blocks if kind == "section"}
    assert blocks and entries

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["digits_mlp", "iris_svm"], epochs=30)(params)
        for name, added in entries.items():
            params[name] |= added

    project = scratch.copy(folder, edit)
    for kind, name, text in blocks:
        if kind == "file":
            assert len(text.splitlines()) <= 28
            (project / name).write_text(text)
    return project, entries


def value(project: Path, row: str, of: str) -> float:
    """`test,accuracy` of the first seed of a row."""
    found = (project / "results" / "laptop" / row / "scores.csv").read_text().splitlines()
    return next(float(line.split(",")[3]) for line in found if f",{of}," in line)


def test_the_kind_of_study_as_it_stands_gives_its_table(tmp_path: Path) -> None:
    section = next(s for s in SECTIONS if s.startswith("Add a kind of study"))
    (_, name, code), (_, _, entry) = BLOCK.findall(section)

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["iris_mlp"], seeds=(0, 1), epochs=2)(params)
        params["studies"] = YAML(typ="safe").load(entry)

    project = scratch.copy(tmp_path, edit)
    (project / name).write_text(code)
    scratch.cli(project, "study")
    text = (project / "studies/reports/laptop/studies.md").read_text()
    assert "| iris_widths | lowest | highest |" in text and "| hidden 8 |" in text


def test_committed_studies_are_of_the_points_that_params_yaml_names() -> None:
    for name, study in loading.load(scratch.ROOT / "params.yaml", "laptop").studies.items():
        found = lines(paths.study("laptop", name) / "scores.csv")
        assert list(dict.fromkeys(line["varied"] for line in found)) == study.names, name
