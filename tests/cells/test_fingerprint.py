"""A digest changes with the code, not with what is said about it, and covers all that can be imported."""

import ast
import io
import json
import os
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cells import fingerprint

SOURCE = '''"""What this is."""

import os  # of the system
from pipeline.data import views


class Thing:
    """A thing."""

    SIZE = 3  # of it

    def grow(self, by: int) -> int:
        """By so much.

        More is said here.
        """
        text = "# no comment"
        return self.SIZE + by if text else 0
'''


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_cache", {})
    monkeypatch.setattr(fingerprint, "CELLS", tmp_path / ".cells")
    monkeypatch.setattr(fingerprint, "_cache_file", tmp_path / ".cells" / "digests.json")


def digest(tmp_path: Path, source: str) -> str:
    path = tmp_path / "source.py"
    path.write_text(source)
    return fingerprint._read_source(path)[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# of the system", "# another word"),
        ("  # of it", ""),
        ('"""A thing."""', '"""Another\n\n    thing."""'),
        ("More is said here.", "Less."),
        ('"""What this is."""\n', ""),
        ("import os", "# new\n\n\nimport os"),
        ("SIZE = 3  #", "SIZE = 3   #"),
    ],
)
def test_comments_docstrings_and_blank_lines_do_not_count(tmp_path: Path, before: str, after: str) -> None:
    assert before in SOURCE
    assert digest(tmp_path, SOURCE.replace(before, after)) == digest(tmp_path, SOURCE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SIZE = 3", "SIZE = 4"),
        ("+ by", "- by"),
        ("# no comment", "# any comment"),
        ("import os", "import sys"),
        ("by: int)", "by: int = 1)"),
        ("if text", "if not text"),
    ],
)
def test_code_counts(tmp_path: Path, before: str, after: str) -> None:
    assert before in SOURCE
    assert digest(tmp_path, SOURCE.replace(before, after)) != digest(tmp_path, SOURCE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('def f(x): "doc"; return x + 1\n', 'def f(x): "doc"; return x + 2\n'),
        ('class A(int): "doc"\n', 'class A(str): "doc"\n'),
        ('if x: "doc"; y = 1\n', 'if x: "doc"; y = 2\n'),
        ('def f():\n    """doc\n    more"""; return 1\n', 'def f():\n    """doc\n    more"""; return 2\n'),
    ],
)
def test_code_on_the_line_of_a_docstring_counts(tmp_path: Path, one: str, other: str) -> None:
    assert digest(tmp_path, one) != digest(tmp_path, other)


def test_a_form_feed_or_a_line_separator_shifts_no_line(tmp_path: Path) -> None:
    odd = 'A = "\u2028"\n\x0c\nB = 1  # note\nC = 2\n'
    assert digest(tmp_path, odd) == digest(tmp_path, odd.replace("# note", "# other note"))
    assert digest(tmp_path, odd) != digest(tmp_path, odd.replace("C = 2", "C = 3"))
    assert digest(tmp_path, odd) != digest(tmp_path, odd.replace("B = 1", "B = 3"))


def test_sources_are_all_that_an_entry_can_import() -> None:
    found = fingerprint.sources(["pipeline.training.train"])
    assert {
        "pipeline/training/train.py",
        "pipeline/training/system.py",
        "pipeline/training/recipe.py",
        "pipeline/training/optimizers.py",
        "pipeline/data/batches.py",
        "pipeline/data/raw.py",
        "pipeline/data/views.py",
    } <= set(found)
    assert not set(found) & fingerprint.PLUMBING
    assert not [
        f for f in found if f.startswith(("pipeline/report", "pipeline/tracking", "pipeline/search", "pipeline/models"))
    ]


def test_an_import_inside_a_function_or_by_another_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline" / "deep").mkdir(parents=True)
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path / "pipeline")
    files = {
        "top": "def run():\n    from pipeline.deep import one as other\n",
        "deep/one": "import pipeline.deep.two as t\n",
        "deep/two": "from pipeline.deep.three import f\n",
        "deep/three": "f = 1\n",
        "deep/four": "",
    }
    for name, text in files.items():
        (tmp_path / "pipeline" / f"{name}.py").write_text(text)
    assert list(fingerprint.sources(["pipeline.top"])) == [
        "pipeline/deep/one.py",
        "pipeline/deep/three.py",
        "pipeline/deep/two.py",
        "pipeline/top.py",
    ]


def test_a_missing_source_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nothing.py"):
        fingerprint.sources(["pipeline.nothing"])


def test_a_folder_counts_by_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_text("1")
    (folder / "inner" / "b").write_text("2")
    seen = {fingerprint.of_path(folder)}
    (folder / "inner" / "b").write_text("33")
    seen.add(fingerprint.of_path(folder))
    (folder / "a").rename(folder / "c")
    seen.add(fingerprint.of_path(folder))
    (folder / "inner" / "b").rename(folder / "b")
    seen.add(fingerprint.of_path(folder))
    assert len(seen) == 4
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        fingerprint.of_path(tmp_path / "nothing")


def test_a_remembered_digest_is_good_for_the_same_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    first = fingerprint.of_path(path)
    fingerprint.save()
    monkeypatch.setattr(fingerprint, "_cache", {})
    monkeypatch.setattr(fingerprint, "of_file", lambda _: pytest.fail("hashed again"))
    fingerprint.of_file.__name__ = "of_file"
    assert fingerprint.of_path(path) == first
    monkeypatch.undo()
    path.write_text("two")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert fingerprint.of_path(path) == fingerprint.of_file(path) != first


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"of_file /x": 3}'])
def test_a_damaged_memory_costs_only_time(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    (tmp_path / ".cells").mkdir()
    (tmp_path / ".cells" / "digests.json").write_text(damage)
    assert fingerprint.of_path(path) == fingerprint.of_file(path)
    fingerprint.save()
    assert json.loads((tmp_path / ".cells" / "digests.json").read_text())


SPEC = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=4,
    ),
)


@settings(max_examples=50, deadline=None)
@given(SPEC)
def test_the_order_of_keys_does_not_count(value: dict) -> None:
    assert fingerprint.of_json(value) == fingerprint.of_json(dict(reversed(value.items())))
    assert fingerprint.of_json(value) == fingerprint.of_json(json.loads(json.dumps(value)))


@settings(max_examples=50, deadline=None)
@given(SPEC, SPEC)
def test_other_values_have_another_digest(one: dict, other: dict) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint.of_json(one) == fingerprint.of_json(other)) == same


def test_every_file_of_the_package_is_read_without_losing_code() -> None:
    """What is hashed holds every word of the program, docstrings aside."""
    for path in fingerprint.PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        documented = [n.body[0] for n in ast.walk(tree) if isinstance(getattr(n, "body", None), list) and n.body]
        said = {n.lineno for n in documented if fingerprint._is_docstring(n)}
        code = fingerprint.code(path.read_text(), tree)
        assert _tokens(code, set()) == _tokens(path.read_text(), said), path


def _tokens(text: str, documented: set[int]) -> list[str]:
    """Words of a source, but for strings that start on a line of `documented`."""
    kinds = (tokenize.NAME, tokenize.OP, tokenize.NUMBER, tokenize.STRING)
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return [t.string for t in found if t.type in kinds and not (t.type == tokenize.STRING and t.start[0] in documented)]
