"""Scratch copies of the project whose data is prepared, with small spaces to search."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import scratch

SPACE: dict[str, Any] = {
    "trials": 4,
    "sampler": "tpe",
    "set": {"lr": {"low": 0.0003, "high": 0.05, "log": True}, "batch_size": {"choices": [32, 64]}},
    "args": {"hidden": {"choices": [[16], [128]]}},
}
QUERY = """
import json
from pipeline.config import loading
from pipeline.run.plan import Plan
from pipeline.search.study import Study
from pipeline.search.subject import Subject
subject = Subject(Plan(loading.load()), {key!r})
study = Study(subject, create=False)
trials = study.study.get_trials()
print(json.dumps({{"states": [t.state.name for t in trials], "asked": study.asked, "default": study.default.value,
    "settled": [[t.number, t.values, t.value, t.reason] for t in study.settled],
    "cells": {{t.number: str(subject.cell(t.values).folder) for t in study.settled if t.value is not None}}}}))
"""


class Laboratory:
    """A copy of the project and what a user does in it."""

    def __init__(self, root: Path) -> None:
        self.root, self.params = root, root / "params.yaml"

    def change(self, space: dict[str, Any], key: str = "digits_mlp") -> None:
        scratch.change(self.root, lambda params: params["search"].update({key: space}))

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return scratch.run(self.root, *self.words(*words), **options)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(self.words(*words), cwd=self.root, env=scratch.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip

    @staticmethod
    def words(*words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "pipeline.cli", *words)

    def python(self, code: str) -> str:
        return scratch.run(self.root, sys.executable, "-c", code).stdout

    def study(self, key: str = "digits_mlp") -> dict[str, Any]:
        return json.loads(self.python(QUERY.format(key=key)))

    @property
    def journal(self) -> Path:
        (path,) = (self.root / "sweeps").glob("*.journal")
        return path


@pytest.fixture(scope="session")
def prepared(made_once: Callable[..., Path]) -> Path:
    """Data fetched and prepared, the default trained; tests take a copy."""

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["digits_mlp", "iris_mlp"], epochs=2)(params)
        params["search"] = {"digits_mlp": SPACE}

    return made_once("prepared", lambda folder: Laboratory(scratch.copy(folder, edit)).run("sweep", "--trials", "1"))


@pytest.fixture
def laboratory(prepared: Path, tmp_path: Path) -> Laboratory:
    """A copy of one's own, with data but without trials."""
    shutil.copytree(prepared, tmp_path / "project", ignore=shutil.ignore_patterns("sweeps"))
    return Laboratory(tmp_path / "project")


@pytest.fixture(scope="session")
def swept(prepared: Path, made_once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A finished sweep whose best trial is above the default: for tests that only look, or copy it."""

    def make(folder: Path) -> None:
        shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns("sweeps"), dirs_exist_ok=True)
        laboratory = Laboratory(folder)
        space = {
            "trials": 4,
            "sampler": "tpe",
            "set": {"lr": {"choices": [0.002, 0.005, 0.02]}},
            "args": {"hidden": {"choices": [[128], [64, 64]]}},
        }
        laboratory.change(space)
        laboratory.run("sweep", "--experiment", "", "--trials", "", "--timeout", "", "--jobs", "2")

    root = tmp_path_factory.mktemp("swept") / "project"
    return Laboratory(shutil.copytree(made_once("swept", make), root))
