"""CONTRIBUTING.md followed to the letter, and a README that is true."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import scratch
from pipeline import params, paths
from pipeline.report import readme

BLOCK = re.compile(r"^```(?:python|yaml) (file|section)=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = re.split(r"^## ", (scratch.ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("heading", ["Add an architecture", "Add a data set", "Add a task"])
def test_the_lines_as_they_stand_give_a_row_of_the_table(tmp_path: Path, heading: str) -> None:
    section = next(s for s in SECTIONS if s.startswith(heading))
    blocks = BLOCK.findall(section)
    assert blocks
    rows: list[str] = []

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["iris_svm", "digits_svm"], epochs=30)(params)
        del params["experiments"]["iris_svm"], params["experiments"]["digits_svm"]
        for kind, name, text in blocks:
            if kind == "section":
                added = YAML(typ="safe").load(text)
                params[name] |= added
                rows.extend(added if name == "experiments" else [])

    project = scratch.copy(tmp_path, edit)
    for kind, name, text in blocks:
        if kind == "file":
            assert len(text.splitlines()) <= 25
            (project / name).write_text(text)
    scratch.cli(project, "repro", "--experiment", rows[0])
    results = (project / "results" / "laptop" / rows[0] / "results.csv").read_text().splitlines()
    accuracy = next(float(line.split(",")[10]) for line in results if ",test,accuracy," in line)
    assert accuracy > 0.7


def test_the_readme_opens_with_the_newest_table_and_has_the_newest_of_studies() -> None:
    text = (scratch.ROOT / "README.md").read_text()
    assert text == readme.refreshed(text)
    assert text.index("make repro") < text.index(readme.mark("table"))
    with pytest.raises(ValueError, match=re.escape(f"no {readme.mark('starts')}")):
        readme.refreshed(text.replace(readme.mark("starts"), ""))


def test_committed_studies_are_of_the_points_that_params_yaml_names() -> None:
    for name, study in params.load(scratch.ROOT / "params.yaml", "laptop").studies.items():
        with paths.study("laptop", name).open(newline="") as file:
            assert list(dict.fromkeys(line["varied"] for line in csv.DictReader(file))) == study.names, name


def test_every_target_that_a_document_names_exists() -> None:
    makefile = (scratch.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        named = set(re.findall(r"`make ([a-z][a-z-]*)", (scratch.ROOT / document).read_text()))
        assert named <= targets, document
