"""What imports what, what a stage depends on, and what is never done."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import fingerprint, params
from pipeline.params import Params, ParamsError
from pipeline.plan import Plan

ROOT = Path(__file__).parents[1]
# From first to last; nothing imports from later in the chain, and siblings (one line) leave each other alone.
CHAIN = [
    ["paths"],
    ["signature", "fingerprint", "lifeline", "views"],
    ["data.section", "training.recipe", "search.space"],  # sections of params.yaml, beside what they are for
    ["params", "cells"],
    ["data"],
    ["tasks", "models"],
    ["training"],
    ["classical"],
    ["evaluate"],
    ["compress"],
    ["plan"],
    ["runner", "warm"],
    ["estimate", "command_line"],
    ["stage", "why"],
    ["report", "tracking", "search"],
    ["doctor", "dvc", "cli"],
]
# What asks for cells and moves them. Parameters decide which are asked for, and a cell's key covers the rest; so a
# stage need not depend on these files, nor on what only they import.
PLUMBING = [
    "cells",
    "cli",
    "command_line",
    "dvc",
    "estimate",
    "fingerprint",
    "lifeline",
    "params",
    "paths",
    "plan",
    "runner",
    "signature",
]
PLUMBING += ["stage", "warm", "why"]
HEAVY = ["torch", "torchvision", "pytorch_lightning", "numpy", "pandas", "sklearn", "scipy", "mlflow", "optuna"]
HEAVY += ["matplotlib", "onnx", "onnxruntime", "dvc"]


def modules(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """`data.prepare` of pipeline/data/prepare.py."""
    return ".".join(path.relative_to(ROOT / "pipeline").with_suffix("").parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[str]:
    """Dotted names of all imports of a file, inside functions too; of `from a import b` both a and a.b."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import is not seen by pipeline.fingerprint"
            yield from [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]


def ours(path: Path) -> set[str]:
    """Files of the package that a file imports, as `data.prepare`."""
    names = {n.removeprefix("pipeline.") for n in imported(path) if n.startswith("pipeline.")}
    return {n for n in names if (ROOT / "pipeline" / f"{n.replace('.', '/')}.py").is_file()}


def rank(name: str) -> tuple[int, str]:
    """Place in the chain, and which of the siblings."""
    parts = name.split(".")
    for known in (".".join(parts[:2]), parts[0]):
        for index, siblings in enumerate(CHAIN):
            if known in siblings:
                return index, known
    raise AssertionError(f"pipeline/{name.replace('.', '/')}.py has no place in CHAIN")


# imports


@pytest.mark.parametrize("path", [p for p in modules("pipeline") if p.stem != "__init__"], ids=name_of)
def test_nothing_imports_from_later_in_the_chain(path: Path) -> None:
    own, mine = rank(name_of(path))
    for other in ours(path):
        place, theirs = rank(other)
        assert place < own or theirs == mine or own < len(CHAIN) - 2 and place == own, (
            f"{name_of(path)} imports {other}"
        )


def test_nobody_imports_what_stands_above_the_package() -> None:
    above = {"pipeline": {"stages", "bench", "tests"}, "stages": {"bench", "tests"}, "bench": {"tests"}}
    for folder, forbidden in above.items():
        for path in modules(folder):
            assert not {n.split(".")[0] for n in imported(path)} & forbidden, path


@pytest.mark.parametrize(
    ("library", "owner"),
    [
        ("mlflow", "tracking"),
        ("optuna", "search"),
        ("matplotlib", "report|tracking"),
        ("pytorch_lightning", "training"),
        ("onnxruntime", "compress|evaluate|tracking"),
        ("skops", "classical"),
    ],
)
def test_one_package_imports_a_library(library: str, owner: str) -> None:
    users = {name_of(p).split(".")[0] for p in modules("pipeline") if library in {n.split(".")[0] for n in imported(p)}}
    assert users and users <= set(owner.split("|"))
    assert not [p for p in modules("stages") if library in {n.split(".")[0] for n in imported(p)}]


def test_models_are_networks_and_know_no_data_set() -> None:
    known = params.load(ROOT / "params.yaml").data
    for path in modules("pipeline/models", "pipeline/classical", "pipeline/training"):
        words = {n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant)}
        assert not words & set(known), path
        if "models" in path.parts:
            allowed = {"torch", "torchvision", "pydantic", "pipeline", *sys.stdlib_module_names}
            assert {n.split(".")[0] for n in imported(path)} <= allowed


def test_packages_run_nothing_when_they_are_imported() -> None:
    """`pipeline.fingerprint` does not follow them: code there would count for no key."""
    for path in modules("pipeline", "stages"):
        if path.stem == "__init__" and path.parent.name not in ("tracking", "search", "report"):
            assert all(fingerprint._is_docstring(n) for n in tree(path).body), path


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.cli",
        "pipeline.params",
        "pipeline.runner",
        *(f"stages.{p.stem}" for p in modules("stages") if p.stem not in ("__init__", "report", "publish")),
    ],
)
def test_a_command_with_nothing_to_do_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_warm_interpreter_imports_nothing_by_itself() -> None:
    code = f"import sys, pipeline.warm; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# what is never done


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(`np.load`, node) of every call."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> Any:
    found = [k.value for k in call.keywords if k.arg == name]
    return ast.literal_eval(found[0]) if found and isinstance(found[0], ast.Constant) else None


@pytest.mark.parametrize("path", modules("pipeline", "stages"), ids=lambda p: str(p.relative_to(ROOT)))
def test_pickles_are_never_loaded(path: Path) -> None:
    roots = {n.split(".")[0] for n in imported(path)}
    if path.name == "unpickle.py":  # refuses whatever is no array; tests/data/test_readers.py tries
        roots -= {"pickle"}
    assert not roots & {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "_pickle", "pickle5"}
    for name, call in calls(path):
        last = name.rpartition(".")[2]
        if name == "torch.load" or last in ("load_from_checkpoint", "load_state_dict_from_url"):
            assert keyword(call, "weights_only") is True, f"{path}:{call.lineno}"
        if name in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") is False, f"{path}:{call.lineno}"
        if name.endswith("trainer.fit") or any(k.arg == "ckpt_path" for k in call.keywords):
            assert keyword(call, "weights_only") is True, f"{path}:{call.lineno}"
        if name in ("np.save", "np.savez") and keyword(call, "allow_pickle") is not None:
            assert keyword(call, "allow_pickle") is False
        if name in ("skops.io.load", "sio.load"):
            assert [ast.unparse(k.value) for k in call.keywords if k.arg == "trusted"] == ["module.TRUSTED"]
        assert name not in ("yaml.load", "yaml.unsafe_load", "read_pickle", "pd.read_pickle")
        if last == "YAML":
            assert keyword(call, "typ") != "unsafe"


@pytest.mark.parametrize("path", modules("pipeline", "stages"), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_text_is_run_as_code(path: Path) -> None:
    for name, call in calls(path):
        if name == "eval":
            assert path.name == "signature.py", "annotations of model files, with their names bound"
        assert name not in ("exec", "os.system", "__import__"), f"{path}:{call.lineno}"
        assert keyword(call, "shell") is not True, f"{path}:{call.lineno}"


# what DVC knows


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
    found[stage.addressing] = {"deps": [d.def_path for d in deps], "params": keys, "outs": outs}
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
        }.items()
        for k in keys
    } | {"report", "publish"}
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
    specs = {stage: [dict(c.spec) for c in cells_of(Plan(base), stage)] for stage in graph}
    tried = 0
    for where, value in leaves(raw):
        for other in other_value(value):
            if where[0] in ("search", "profile") or where[-1] == "source" or not (edited := changed(raw, where, other)):
                continue
            tried += 1
            for stage, before in specs.items():
                if [dict(c.spec) for c in cells_of(Plan(edited), stage)] != before:
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


def test_no_seed_no_parameter_is_read_from_the_environment() -> None:
    allowed = {
        "LAB_COMMIT",
        "LAB_RUNNER",
        "MAKELEVEL",
        "CUDA_VISIBLE_DEVICES",
        "DVC_STAGE",
        "PYTORCH_NVML_BASED_CUDA_CHECK",
    }
    for path in modules("pipeline", "stages"):
        if "tracking" in path.parts or "doctor" in path.name:
            continue
        text = path.read_text()
        found = set(
            re.findall(r"environ(?:\.get\(|\.pop\(|\[)\"([A-Z_]+)\"", text) + re.findall(r"getenv\(\"([A-Z_]+)\"", text)
        )
        assert found <= allowed, path


# documents


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_target_that_is_named_exists(document: str) -> None:
    if not (ROOT / document).is_file():
        pytest.skip(f"no {document}")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\s*|\s{2})make ([a-z][a-z-]*)", (ROOT / document).read_text(), re.MULTILINE))
    assert named <= targets


def test_every_target_is_phony_or_a_file_and_has_its_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    assert targets == phony
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in done.stdout.splitlines()} == targets
