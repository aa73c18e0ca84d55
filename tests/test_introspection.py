"""What a model file accepts is read from its source, strictly, and without importing it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline import introspection

MODEL = """
from typing import Annotated, Literal
from pydantic import Field
INPUTS = ("image", "tabular")
WIDTH, DEPTH = 3, "deep"
REQUIRES = (
    ({"target": ("class",)}, "b counts classes", {"kind": "b"}),
    ({"refit": (False,)}, "a rate is chosen on validation", {"rate": True}),
)
COMPUTED = tuple(INPUTS)


def build(shape, outputs, *, width: Annotated[int, Field(ge=1)] = 16, kind: Literal["a", "b"] = "a", rate: float):
    raise RuntimeError("never called")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "thing.py").write_text(MODEL)
    monkeypatch.setattr(introspection, "PACKAGE", tmp_path)
    for remembered in (introspection.options, introspection._tree, introspection._names):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (introspection.options, introspection._tree, introspection._names):
        remembered.cache_clear()


def test_names_are_the_files_that_do_not_start_with_an_underscore(package: Path) -> None:
    (package / "models" / "_parts.py").write_text("")
    assert introspection.names("models") == ["thing"]


def test_defaults_bounds_and_choices_are_those_of_the_source(package: Path) -> None:
    accepted = introspection.options("models/thing", "build")
    assert accepted(rate=0.5).model_dump() == {"width": 16, "kind": "a", "rate": 0.5}


@pytest.mark.parametrize(
    "given",
    [
        {"rate": 0.5, "width": 0},
        {"rate": 0.5, "width": "16"},
        {"rate": 0.5, "kind": "c"},
        {"rate": 0.5, "widht": 1},
        {},
        {"rate": True},
        {"rate": float("nan")},
        {"rate": 0.5, "width": 1.5},
    ],
)
def test_what_does_not_fit_is_refused(package: Path, given: dict) -> None:
    with pytest.raises(ValidationError):
        introspection.options("models/thing", "build").model_validate(given)


def test_constants_are_literals(package: Path) -> None:
    assert introspection.constant("models/thing", "INPUTS") == ("image", "tabular")
    assert [introspection.constant("models/thing", name) for name in ("WIDTH", "DEPTH")] == [3, "deep"]
    with pytest.raises(ValueError, match="malformed|literal"):
        introspection.constant("models/thing", "COMPUTED")
    with pytest.raises(ValueError, match=r"pipeline/models/thing.py does not define OUTPUTS"):
        introspection.constant("models/thing", "OUTPUTS")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def make(): ...", "has no function `build`"),
        ("def build(*, width=1): ...", "width has no annotation"),
        ("def build(*, width: Path = 1): ...", "Path"),
        ("def build(*, width: __import__('os').sep = 1): ...", "__import__"),
    ],
)
def test_a_file_that_breaks_the_contract_is_named(package: Path, source: str, said: str) -> None:
    (package / "models" / "thing.py").write_text(source)
    with pytest.raises(ValueError, match=said) as caught:
        introspection.options("models/thing", "build")
    assert "pipeline/models/thing.py" in str(caught.value)


def test_reading_every_signature_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipeline import introspection as s\n"
        "for n in s.names('models'): s.options(f'models/{n}', 'build')\n"
        "print([m for m in ('torch', 'numpy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("args", "target", "refit", "said"),
    [
        ({"rate": 0.0}, "number", True, None),
        ({"rate": 0.0, "kind": "b"}, "class", True, None),
        (
            {"rate": 0.0, "kind": "b"},
            "number",
            True,
            "models/thing with kind 'b': target is 'number', but b counts classes; valid: 'class'",
        ),
        (
            {"rate": 0.5},
            "number",
            True,
            "models/thing with rate 0.5: refit is True, but a rate is chosen on validation; valid: False",
        ),
        ({"rate": 0.5}, "number", False, None),
    ],
)
def test_what_can_not_be_combined(package: Path, args: dict[str, Any], target: str, refit: bool, said: str) -> None:
    assert introspection.refused("models/thing", args, {"lr": 0.1}, target, refit) == said
    (package / "models" / "free.py").write_text("def build(shape, outputs):\n    pass\n")
    assert introspection.refused("models/free", {}, {}, target, refit) is None
