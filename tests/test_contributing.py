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
from tests.conftest import without_publish

BLOCK = re.compile(r"^```(?:python|yaml) (file|section)=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = re.split(r"^## ", (scratch.ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)


ROWS = ("Add an architecture", "Add a data set", "Add a task", "Add a compression method")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project in which all that gives a row was followed, after `cli repro`; and the name of each one's row."""
    project, entries = followed(tmp_path_factory.mktemp("rows"), *ROWS)
    scratch.cli(without_publish(project), "repro")
    return project, {h: next(iter(e.get("experiments") or e["variants"])) for h, e in entries.items()}


@pytest.mark.slow
@pytest.mark.parametrize("heading", ROWS)
def test_the_lines_as_they_stand_give_a_row_of_the_table(rows: tuple[Path, dict[str, str]], heading: str) -> None:
    project, named = rows
    assert value(project, named[heading], "test,accuracy") > 0.7
    assert named[heading] in (project / "reports" / "laptop" / "comparison.txt").read_text()


@pytest.mark.slow
def test_an_evaluator_s_lines_give_a_value_and_no_prediction_is_made_again(tmp_path: Path) -> None:
    heading = "Add an evaluator"
    project, entries = followed(tmp_path, heading)
    scratch.change(project, lambda params: params["evaluators"].pop("top_k"))
    scratch.cli(project, "fill", "--experiment", "digits_mlp")
    before = helpers.cells(project)
    scratch.change(project, lambda params: params["evaluators"].update(entries[heading]["evaluators"]))
    scratch.cli(project, "repro", "--experiment", "digits_mlp")
    assert len(helpers.cells(project) - before) == 1 == len(helpers.cells(project, "predict"))
    assert 1.0 > value(project, "digits_mlp", "test,top_3_accuracy") > value(project, "digits_mlp", "test,accuracy")
    file = project / "pipeline" / "evaluate" / "evaluators" / "top_k.py"
    file.write_text(file.read_text().replace('f"top_{k}_accuracy"', '"accuracy"'))
    refused = scratch.cli(project, "repro", "--experiment", "digits_mlp", check=False)
    assert refused.returncode == 1 and "quality and top_k both give validation accuracy" in refused.stderr


def followed(folder: Path, *headings: str) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A project in which sections' blocks were written as they stand, and the entries that each gave, by section."""
    blocks = {h: BLOCK.findall(next(s for s in SECTIONS if s.startswith(h))) for h in headings}
    entries = {
        h: {name: YAML(typ="safe").load(text) for kind, name, text in found if kind == "section"}
        for h, found in blocks.items()
    }
    assert all(entries.values())

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["digits_mlp", "iris_svm"], epochs=30)(params)
        for given in entries.values():
            for name, added in given.items():
                params[name] |= added

    project = scratch.copy(folder, edit)
    for kind, name, text in (block for found in blocks.values() for block in found):
        if kind == "file":
            assert len(text.splitlines()) <= 28
            (project / name).write_text(text)
    return project, entries


def value(project: Path, row: str, of: str) -> float:
    """`test,accuracy` of the first seed of a row."""
    found = (project / "results" / "laptop" / row / "scores.csv").read_text().splitlines()
    return next(float(line.split(",")[3]) for line in found if f",{of}," in line)


@pytest.mark.slow
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
