"""A paper's card says what was published, what we got, and whether the two agree."""

from dataclasses import replace

import pytest

from pipeline import paths
from pipeline.config import loading
from pipeline.config.loading import ParamsError
from pipeline.report import card
from pipeline.report.table.comparison import Row
from pipeline.report.table.references import Figure, References

FIGURE = Figure(data="d", model="m", metric="accuracy", value=0.90, comparable=True, note="n", checked="source")
ROW = Row(
    key="k",
    experiment="k",
    data="d",
    model="m",
    recipe="r",
    variant="none",
    training_items=60_000,
    samples=None,
    epochs=3,
    seeds=5,
    seeds_ok=5,
    status="ok",
    reason="",
    metric="accuracy",
    refit=False,
    score=0.91,
    score_half_width=0.02,
    published_comparable=True,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "ours is 1.00 points above the published figure, which lies inside our 95 % interval"),
        ({"score_half_width": 0.005}, "1.00 points above the published figure, which lies outside our"),
        ({"score": 0.85}, "5.00 points below the published figure, which lies outside our"),
        ({"score_half_width": None}, "no spread between seeds to judge it by"),
        ({"published_comparable": False}, "no reproduction"),
        ({"score": None}, "not run here"),
    ],
)
def test_the_verdict(changes: dict, said: str) -> None:
    assert said in card.verdict(replace(ROW, **changes), FIGURE)


@pytest.mark.parametrize("name", References(paths.ROOT / "references").sources)
def test_every_paper_has_a_card(name: str) -> None:
    text = card.card(name)
    known = loading.load(profile="paper")
    for figure in References(paths.ROOT / "references").sources[name].figures:
        assert f"{figure.model} on {figure.data}: published {100 * figure.value:.2f} %" in text
        for key, row in known.experiments.items():
            if (row.data, row.short) == (figure.data, figure.model) and not figure.experiment:
                assert f"`make repro EXPERIMENT={key}`" in " ".join(text.split())


def test_departures_are_those_that_the_model_s_file_names() -> None:
    assert card.departures("models/lenet5").startswith("average pooling without trainable coefficients, C3 connected")
    assert card.departures("models/lenet5_caffe") == "none that the model's file names"


def test_an_unknown_paper_is_named_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match="unknown paper 'lecun1989'; did you mean 'lecun1998'"):
        card.card("lecun1989")
