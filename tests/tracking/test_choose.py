"""Which version gets which alias."""

from typing import Any

from pipeline.tracking.project import choose
from pipeline.tracking.records import winners


def run(accuracy: float | None, size: int = 100, latency: float = 1.0, **other: Any) -> dict[str, Any]:
    metrics = {"model/bytes": size} if accuracy is None else {"validation/accuracy": accuracy, "model/bytes": size}
    line = {"task": "classification", "status": "ok", "variant": "none", "experiment": "a", "seed": 0}
    return line | {"metrics": metrics, "costs": {"cost/latency_ms": latency}} | other


def test_smallest_and_fastest_stay_within_one_point() -> None:
    candidates = [(run(0.900, 1000, 9.0), 1), (run(0.891, 500, 5.0), 2), (run(0.885, 10, 0.1), 3)]
    assert choose(candidates) == {"champion": 1, "smallest": 2, "fastest": 2}


def test_exactly_one_point_is_within() -> None:
    assert choose([(run(0.57, 1000), 1), (run(0.56, 10), 2)])["smallest"] == 2


def test_a_variant_is_never_champion() -> None:
    candidates = [(run(0.90, 1000, 9.0), 1), (run(0.91, 500, 5.0, variant="a_int8"), 2)]
    assert choose(candidates) == {"champion": 1, "smallest": 2, "fastest": 2}
    assert choose(candidates[1:]) == {}


def test_ties_go_to_the_older_version() -> None:
    assert choose([(run(0.9), 7), (run(0.9), 4)]) == {"champion": 4, "smallest": 4, "fastest": 4}


def test_what_was_not_measured_is_not_chosen() -> None:
    assert choose([(run(0.9) | {"costs": {}}, 1)]) == {"champion": 1, "smallest": 1}


def test_the_best_seed_of_each_experiment_and_its_variant_win() -> None:
    lines = [
        run(0.8, seed=0), run(0.9, seed=1), run(0.9, seed=2), run(None, seed=3, status="failed"),
        run(0.7, experiment="b", seed=0),
        run(0.95, variant="a_int8", seed=0), run(0.6, variant="a_int8", seed=1),
    ]  # fmt: skip
    found = [(line["experiment"], line["variant"], line["seed"]) for line in winners(lines)]
    assert found == [("a", "none", 1), ("b", "none", 0), ("a", "a_int8", 1)]


def test_where_nothing_was_held_out_the_first_of_all_stands() -> None:
    lines = [run(None, seed=0), run(None, seed=1), run(None, seed=0, experiment="b", status="failed")]
    assert winners(lines) == lines[:1]
    assert choose([(lines[1], 2), (lines[0], 1)])["champion"] == 1
