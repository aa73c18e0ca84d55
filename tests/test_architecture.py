"""What imports what, and what is never done."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from pipeline.cells import fingerprint
from pipeline.config import loading
from tests.sources import ROOT, imported, modules, name_of, ours, tree

# From first to last; nothing imports from later in the chain, and siblings (one line) leave each other alone.
CHAIN = [
    ["paths"],
    ["lifetime"],
    ["errors"],
    ["introspection"],
    ["cells"],
    ["formats.files"],  # names alone
    ["data.arrays"],
    ["data.kinds"],
    ["data.spec"],  # what cells are asked, beside what they do
    ["data.section"],  # sections of params.yaml, beside what they are for
    ["training.recipe"],
    ["training.start"],
    ["training.spec"],
    ["search.space"],
    ["tracking.spec"],
    ["tracking.ledger"],
    ["data"],
    ["config"],
    ["tasks"],
    ["models"],
    ["training"],
    ["pretraining"],
    ["classical"],
    ["formats"],
    ["evaluate"],
    ["compress"],
    ["results"],  # what Git keeps of finished cells
    ["run"],
    ["report"],
    ["tracking"],
    ["build"],
    ["search"],
    ["doctor"],
    ["cli"],
]
HEAVY = ["torch", "torchvision", "pytorch_lightning", "numpy", "pandas", "sklearn", "scipy", "mlflow", "optuna"]
HEAVY += ["matplotlib", "onnx", "onnxruntime", "dvc", "transformers", "peft"]


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
        assert place < own or theirs == mine, f"{name_of(path)} imports {other}"


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
        ("onnxruntime", "compress|formats|tracking"),
        ("skops", "classical"),
        ("transformers", "models"),
        ("peft", "training"),
    ],
)
def test_one_package_imports_a_library(library: str, owner: str) -> None:
    users = {name_of(p).split(".")[0] for p in modules("pipeline") if library in {n.split(".")[0] for n in imported(p)}}
    assert users and users <= set(owner.split("|"))
    assert not [p for p in modules("stages") if library in {n.split(".")[0] for n in imported(p)}]


def test_models_are_networks_and_know_no_data_set() -> None:
    known = loading.load(ROOT / "params.yaml").data
    for path in modules("pipeline/models", "pipeline/classical", "pipeline/training"):
        words = {n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant)}
        assert not words & set(known), path
        if "models" in path.parts:
            allowed = {"torch", "torchvision", "transformers", "safetensors", "pydantic", "pipeline"}
            assert {n.split(".")[0] for n in imported(path)} <= allowed | sys.stdlib_module_names


def test_packages_run_nothing_when_they_are_imported() -> None:
    """`pipeline.cells.fingerprint` does not follow them: code there would count for no key."""
    for path in modules("pipeline", "stages"):
        if path.stem == "__init__" and path.parent.name not in ("tracking", "search", "report"):
            assert all(fingerprint._is_docstring(n) for n in tree(path).body), path


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.cli",
        "pipeline.config.loading",
        "pipeline.run.executors.forks",
        *(f"stages.{p.stem}" for p in modules("stages") if p.stem not in ("__init__", "report", "publish")),
    ],
)
def test_a_command_with_nothing_to_do_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_warm_interpreter_imports_nothing_by_itself() -> None:
    code = f"import sys, pipeline.run.executors.warm; print([m for m in {HEAVY} if m in sys.modules])"
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
            assert path.name == "introspection.py", "annotations of model files, with their names bound"
        assert name not in ("exec", "os.system", "__import__"), f"{path}:{call.lineno}"
        assert keyword(call, "shell") is not True, f"{path}:{call.lineno}"


@pytest.mark.parametrize("path", modules("pipeline/report", "pipeline/tracking"), ids=name_of)
def test_report_and_registry_name_no_task_s_metric(path: Path) -> None:
    assert not re.search(r"accuracy|\br2\b", path.read_text(), re.IGNORECASE)


# what decides results


def test_no_seed_no_parameter_is_read_from_the_environment() -> None:
    allowed = {
        "LAB_COMMIT",
        "LAB_RUNNER",
        "RAY_ADDRESS",
        "OMP_NUM_THREADS",  # not read: Ray's is taken away
        "PYTHONPATH",
        "MAKELEVEL",
        "CUDA_VISIBLE_DEVICES",
        "DVC_STAGE",
        "LAB_PLANNED",
        "GLOO_SOCKET_IFNAME",
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


def test_pytest_looks_into_every_folder_of_tests(pytestconfig: pytest.Config) -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        for folder in path.relative_to(ROOT).parts[:-1]:
            assert not any(fnmatch(folder, pattern) for pattern in pytestconfig.getini("norecursedirs")), path


def test_files_and_functions_are_read_in_one_sitting() -> None:
    assert len([path for path in (ROOT / "pipeline").glob("*.py") if path.stem != "__init__"]) <= 6
    for path in modules("pipeline", "stages", "bench", "tests"):
        assert len(path.read_text().splitlines()) <= 300, path
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


# the Makefile


def test_every_target_is_phony_or_a_file_and_has_its_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    assert targets == phony
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[0] for line in done.stdout.splitlines()} == targets
