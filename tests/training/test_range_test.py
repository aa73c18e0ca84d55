"""The range test finds the valley of the loss, on real rows and on a curve whose valley is known."""

from math import log10

import pytest

from pipeline.data import dataset
from pipeline.training import range_test
from tests.laboratory import Laboratory


def test_the_rate_of_a_valley_is_found() -> None:
    """A loss that is least at a rate of 0.1, and far above its start beyond."""
    rates = [10 ** (-6 + 7 * n / 299) for n in range(300)]
    found = range_test.judged([1.0 + 0.1 * (log10(rate) + 1) ** 2 for rate in rates])
    assert found.rates == pytest.approx(rates, rel=1e-6)
    assert 0.005 < found.suggestion < 0.04, "a tenth of it, and the running mean lags behind"


def test_a_mean_starts_without_bias() -> None:
    assert range_test.running_mean([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])


def test_on_a_row_it_ends_beyond_the_valley_and_suggests_what_trains(laboratory: Laboratory) -> None:
    budget = {"samples": 1000, "validation": 200, "epochs": 3}
    _, spec, inputs = laboratory.asked("digits_mlp", batch_size=32, budget=budget)
    data = dataset.load(inputs["data"], spec.budget, 0, ("train", "validation"))
    found = range_test.run(spec, data)
    assert found.rates == sorted(found.rates) and found.rates[0] == pytest.approx(1e-6)
    assert min(found.smooth) < 0.6 * found.smooth[0] and found.smooth[-1] > 2 * min(found.smooth)
    assert 1e-4 < found.suggestion < 0.1
    assert range_test.run(spec, data) == found
    hasty = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"patience": 1, "items": 64})})
    assert range_test.run(hasty, data) == found, "what ends the row's runs early does not end the test"


@pytest.mark.parametrize("part", ["all", "head"])
def test_it_starts_from_the_weights_that_the_row_starts_from(laboratory: Laboratory, part: str) -> None:
    budget = {"samples": 1000, "validation": 200, "epochs": 3}
    source = laboratory.train("digits_mlp", batch_size=32, budget=budget)
    start = {"weights": source, "head": "kept", "train": part}
    _, spec, inputs = laboratory.asked("digits_mlp", batch_size=32, budget=budget, start=start)
    data = dataset.load(inputs["data"], spec.budget, 0, ("train", "validation"))
    tried, fresh = range_test.run(spec, data, inputs["start"], inputs.get("features")), range_test.run(spec, data)
    assert tried.losses[0] < 0.5 * fresh.losses[0]
    if part == "all":
        slower = spec.model_copy(update={"start": spec.start.model_copy(update={"layer_decay": 0.1})})
        assert range_test.run(slower, data, inputs["start"]).losses[100:] != tried.losses[100:], (
            "lower layers move less"
        )


def test_a_row_whose_loss_is_never_a_number_is_said() -> None:
    with pytest.raises(ValueError, match="NaN or infinite after 3 updates"):
        range_test.judged([1.0, 1.0, 2.0, float("nan")])
