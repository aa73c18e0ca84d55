"""What DVC knows of each stage: all that can change its result, and nothing that is not there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import fingerprint, params, studies
from pipeline.params import Params, ParamsError
from pipeline.plan import Plan
from pipeline.runner import needed
from tests.sources import PLUMBING, ROOT, ours


@pytest.fixture(scope="module")
def graph() -> dict[str, dict[str, Any]]:
    """Stage -> deps, params (paths below params.yaml), outs; as DVC itself resolves the templates."""
    code = """
import json
from dvc.repo import Repo
from dvc.dependency import ParamsDependency
found = {}
for stage in Repo(".").index.stages:
    deps = [d for d in stage.deps if not isinstance(d, ParamsDependency)]
    keys = [p for d in stage.deps if isinstance(d, ParamsDependency) for p in d.params]
    outs = [o.def_path for o in stage.outs]
    found[stage.addressing.rpartition(":")[2]] = {"deps": [d.def_path for d in deps], "params": keys, "outs": outs}
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(params.load(ROOT / "params.yaml"))


def cells_of(plan: Plan, stage: str) -> list[Any]:
    kind, _, key = stage.partition("@")
    seed = plan.profile.seeds[0]
    if key in plan.params.elsewhere:
        return []  # a row of another profile: its stages only say so
    if kind == "study":
        every = [c for c in needed(studies.cells(plan.params, key)) if c.kind not in ("fetch", "prepare")]
        return [cell for cell in every if cell.spec.get("seed", seed) == seed]
    if kind == "compress":
        return [plan.compress(key, seed), plan.evaluate(key, seed)]
    made = {
        "fetch": lambda: plan.fetch(key),
        "prepare": lambda: plan.prepare(key),
        "train": lambda: plan.train(key, seed),
        "evaluate": lambda: plan.evaluate(key, seed),
    }
    return [made[kind]()] if kind in made else []


def reached(path: Path) -> set[str]:
    """Files of the package that a stage's script can import, not through plumbing."""
    found: set[str] = set()
    queue = ours(path) - set(PLUMBING)
    while queue:
        name = queue.pop()
        found.add(name)
        queue |= ours(ROOT / "pipeline" / f"{name.replace('.', '/')}.py") - set(PLUMBING) - found
    return {f"pipeline/{name.replace('.', '/')}.py" for name in found}


def test_every_entry_has_its_stages(graph: dict[str, Any], plan: Plan) -> None:
    p = plan.params
    others = {key for key, owner in p.elsewhere.items() if key == owner}
    expected = {
        f"{s}@{k}"
        for s, keys in {
            "fetch": p.data,
            "prepare": p.data,
            "train": {*p.experiments, *others},
            "evaluate": {*p.experiments, *others},
            "compress": {*p.variants, *set(p.elsewhere) - others},
            "study": p.studies,
        }.items()
        for k in keys
    } | {"report", "publish", "study_report"}
    assert set(graph) == expected


def test_every_import_of_a_stage_is_a_dependency(graph: dict[str, Any], plan: Plan) -> None:
    missing = {}
    for stage, known in graph.items():
        used = reached(ROOT / "stages" / f"{stage.partition('@')[0]}.py")
        for cell in cells_of(plan, stage):
            used |= set(fingerprint.sources([cell.entry, *cell.modules]))
        used |= {f"stages/{stage.partition('@')[0]}.py"}
        covered = {u for u in used if any(u == d or u.startswith(f"{d}/") for d in known["deps"])}
        plumbing = {f"pipeline/{name}.py" for name in PLUMBING}
        if used - covered - plumbing:
            missing[stage] = sorted(used - covered - plumbing)
    assert not missing


def test_every_dependency_is_there_or_made(graph: dict[str, Any]) -> None:
    outs = {out for stage in graph.values() for out in stage["outs"]}
    for stage, known in graph.items():
        for dep in known["deps"]:
            made = any(dep == o or dep.startswith(f"{o}/") or o.startswith(f"{dep}/") for o in outs)
            assert made or (ROOT / dep).exists(), f"{stage}: {dep}"


def upstream(graph: dict[str, Any], stage: str) -> set[str]:
    """A stage and all that it is made from."""
    found = {stage}
    for other, known in graph.items():
        if other != stage and any(
            dep == o or o.startswith(f"{dep}/") for dep in graph[stage]["deps"] for o in known["outs"]
        ):
            found |= upstream(graph, other)
    return found


def leaves(value: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*where, key))
    else:
        yield where, value


def other_value(value: Any) -> list[Any]:
    """Values of the same type, near enough to be valid somewhere."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value * 0.9]
    if isinstance(value, list):
        return [value[:-1], [*value, 9]] if value else [[9]]
    return [20, 0.2] if value is None else [f"{value}x"]


def changed(raw: dict[str, Any], where: tuple[str, ...], value: Any) -> Params | None:
    edited = json.loads(json.dumps(raw))
    spot = edited
    for part in where[:-1]:
        spot = spot[part]
    spot[where[-1]] = value
    try:
        return params.parse(edited)
    except (ParamsError, FileNotFoundError):
        return None


def test_every_parameter_that_decides_a_cell_is_tracked_by_its_stage_or_by_one_before(graph: dict[str, Any]) -> None:
    raw = YAML(typ="safe").load(ROOT / "params.yaml")
    base = params.parse(raw)
    plan = Plan(base)
    specs = {stage: [dict(c.spec) for c in cells_of(plan, stage)] for stage in graph}
    tried = 0
    for where, value in leaves(raw):
        for other in other_value(value):
            if where[0] in ("search", "profile") or where[-1] == "source" or not (edited := changed(raw, where, other)):
                continue
            tried += 1
            plan = Plan(edited)
            for stage, before in specs.items():
                if [dict(c.spec) for c in cells_of(plan, stage)] != before:
                    tracked = {p for s in upstream(graph, stage) for p in graph[s]["params"]}
                    prefixes = {".".join(where[:n]) for n in range(1, len(where) + 1)}
                    assert tracked & prefixes, f"{stage} does not see {'.'.join(where)}"
    assert tried > 40


def test_what_the_columns_of_results_say_is_tracked_by_the_stage_that_writes_them(
    graph: dict[str, Any], plan: Plan
) -> None:
    """A recipe that gets another name changes no cell, but the table names it."""
    for key in plan.params.experiments:
        assert f"experiments.{key}" in graph[f"evaluate@{key}"]["params"]
    for key, variant in plan.params.variants.items():
        assert {f"experiments.{variant.of}", f"variants.{key}"} <= set(graph[f"compress@{key}"]["params"])
