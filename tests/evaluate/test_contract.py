"""What every evaluator has to do. Whatever lies in pipeline/evaluate/evaluators is under test."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pipeline import introspection
from pipeline.data.spec import Budget
from pipeline.evaluate import subject as subjects
from pipeline.evaluate.subject import Subject
from pipeline.formats.model import open_model
from pipeline.tasks._task import find
from tests.laboratory import Laboratory

NAMES = introspection.names("evaluate/evaluators")
WHOLE = {"samples": None, "validation": None, "epochs": 1}
ROWS = {"iris_mlp": "classification", "iris_binary_svm": "classification", "diabetes_mlp": "regression"}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"pipeline.evaluate.evaluators.{name}")


@pytest.fixture(scope="module", params=ROWS)
def case(laboratory: Laboratory, request: pytest.FixtureRequest) -> tuple[Subject, Path]:
    """Predictions of a network, of a classical model and of a network that predicts numbers; and the model."""
    folder = laboratory.train(request.param, budget=WHOLE)
    data = subjects.held_out(laboratory.data(laboratory.plan.params.experiments[request.param].data), Budget(**WHOLE))
    model = open_model(folder, 1)
    scores = {split: model.scores(x) for split, x in data.x.items()}
    task = find(ROWS[request.param])
    return Subject(task, data, scores, model.probabilistic), folder


@pytest.mark.parametrize("name", NAMES)
def test_an_evaluator_says_what_it_finds_and_what_it_needs(name: str) -> None:
    evaluator = module(name)
    assert len((evaluator.__doc__ or "").split()) > 5 and evaluator.run.__doc__, name
    assert introspection.constant(f"evaluate/evaluators/{name}", "NEEDS_MODEL") in (True, False)
    accepted = introspection.options(f"evaluate/evaluators/{name}", "run")
    assert not [option for option, field in accepted.model_fields.items() if field.is_required()], "give it a default"


@pytest.mark.parametrize("name", NAMES)
def test_it_yields_finite_values_of_known_splits_and_the_same_again(name: str, case: tuple[Subject, Path]) -> None:
    subject, folder = case
    opened = open_model(folder, 1) if module(name).NEEDS_MODEL else None
    asked = Subject(subject.task, subject.data, subject.scores, subject.probabilistic, opened)
    before = {split: scores.copy() for split, scores in subject.scores.items()}
    found: list[tuple[str, str, Any]] = list(module(name).run(asked))
    assert list(module(name).run(asked)) == found
    assert len({(split, metric) for split, metric, _ in found}) == len(found), "a value twice"
    for split, metric, value in found:
        assert split in ("", *subject.scores) and metric.isidentifier()
        assert np.isfinite(np.asarray(value, float)).all()
    assert all((subject.scores[split] == scores).all() for split, scores in before.items()), "scores were changed"


@pytest.mark.parametrize("name", [n for n in NAMES if not module(n).NEEDS_MODEL])
def test_without_the_model_it_works_from_predictions_alone(name: str, case: tuple[Subject, Path]) -> None:
    assert list(module(name).run(case[0])) is not None


def test_a_model_that_was_not_asked_for_is_missed_with_advice(case: tuple[Subject, Path]) -> None:
    with pytest.raises(ValueError, match="NEEDS_MODEL = True"):
        _ = case[0].model
