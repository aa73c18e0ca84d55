"""Chains of steps: a cell a step, and a common beginning made once."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from pipeline import paths
from pipeline.cells import fingerprint
from pipeline.config import loading
from pipeline.config.sections import Params, Variant
from pipeline.run.fill import needed
from pipeline.run.plan import Plan

EXPORT, COARSE, FINE = {"method": "onnx"}, {"method": "static_int8", "per_channel": False}, {"method": "static_int8"}


def planned(**variants: list[dict[str, Any]]) -> Plan:
    """The project's parameters with these variants of digits_cnn, and with nothing evaluated before."""
    params: Params = loading.load(scratch.ROOT / "params.yaml")
    made = {name: Variant(of="digits_cnn", steps=steps) for name, steps in variants.items()}
    return Plan(params.model_copy(update={"variants": made}))


def test_two_variants_share_the_cells_of_a_common_beginning() -> None:
    plan = planned(coarse=[EXPORT, COARSE], fine=[EXPORT, FINE])
    (first, coarse), (same, fine) = plan.steps("coarse", 0), plan.steps("fine", 0)
    assert first is same and coarse is not fine
    assert coarse.inputs["model"] is first and first.inputs["model"] is plan.train("digits_cnn", 0)
    cells = needed([*plan.variant("coarse"), *plan.variant("fine")])
    assert Counter(c.kind for c in cells if c.seed == 0)["compress"] == 3


def test_every_step_has_an_output_of_its_own_and_a_whole_variant_s_is_where_its_readers_look() -> None:
    plan = planned(coarse=[EXPORT, COARSE], exported=[EXPORT], fine=[EXPORT, FINE])
    where = {cell.output for key in plan.params.variants for cell in plan.steps(key, 0)}
    root = paths.artifacts("laptop", "compress")
    ends = {"coarse": "2_static_int8", "exported": "1_onnx", "fine": "2_static_int8"}
    assert where == {root / name / "seed0" / end for name, end in ends.items()}
    assert plan.steps("fine", 0)[0] is plan.compress("exported", 0)
    shown = planned(coarse=[EXPORT, COARSE]).steps("coarse", 1)[0].output
    assert shown == root / "coarse" / "seed1" / "1_onnx"


def test_a_step_that_is_taken_twice_is_two_cells() -> None:
    export, first, second = planned(twice=[EXPORT, FINE, FINE]).steps("twice", 0)
    assert second.inputs["model"] is first and first.inputs["model"] is export and first.output != second.output


def test_what_a_step_is_compared_with_is_predicted_beside_it() -> None:
    plan = planned(coarse=[EXPORT, COARSE], exported=[EXPORT])
    cell = plan.predict("coarse", 0)
    assert cell.asked["baseline"] == "onnx_float32_" and cell.inputs["baseline"] is plan.steps("coarse", 0)[0]
    assert plan.predict("exported", 0).asked["baseline"] == "" and "baseline" not in plan.predict("exported", 0).inputs


@pytest.mark.parametrize("key", ["coarse", "digits_svm"])
def test_keys_cover_the_formats_that_are_opened_and_no_others(key: str) -> None:
    plan = planned(coarse=[EXPORT, COARSE])
    cell = plan.predict(key, 0)
    files = {Path(name).name for name in fingerprint.sources([cell.entry, *cell.modules]) if "/formats/" in name}
    assert files == {"files.py", "model.py", "onnx.py" if key == "coarse" else "skops.py"}
    sources = fingerprint.sources([cell.entry, *cell.modules])
    assert "pipeline/training/network.py" not in sources and "pipeline/models/cnn.py" not in sources
