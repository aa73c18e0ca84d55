"""YAML as version 1.2 has it, and as DVC reads it."""

import math
from typing import Any

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.scanner import ScannerError
from yaml import YAMLError

from bench import scratch
from pipeline.config.reading import Lines, read

PLAIN = [
    ("1e-3", 0.001),
    ("-1.5E+2", -150.0),
    (".5", 0.5),
    ("2.", 2.0),
    ("017", 17),
    ("0x1F", 31),
    ("0o17", 15),
    ("true", True),
    ("FALSE", False),
    ("null", None),
    ("~", None),
    ("on", "on"),
    ("no", "no"),
    ("y", "y"),
    ("'1:30'", "1:30"),
    ("1e", "1e"),
    ("32-true", "32-true"),
    ("'1'", "1"),
]


@pytest.mark.parametrize(("written", "value"), PLAIN)
def test_a_plain_word(written: str, value: Any) -> None:
    (found,) = read(f"[{written}]")
    assert found == value and type(found) is type(value)
    assert YAML(typ="safe").load(f"- {written}") == [value]  # in brackets libyaml takes no `1:30`


@pytest.mark.parametrize("written", ["[1:30]", "{a: http://x}", "{a: [b:c]}", "{a:b: 1}"])
def test_a_colon_in_a_plain_word_between_brackets_is_what_dvc_cannot_read(written: str) -> None:
    with pytest.raises(YAMLError, match="put quotes around it"):
        read(written)
    with pytest.raises(ScannerError):
        YAML(typ="safe").load(written)
    assert read("a: 1:30") == YAML(typ="safe").load("a: 1:30") == {"a": "1:30"}


def test_infinite_numbers_and_no_number() -> None:
    assert read("[.inf, -.INF]") == [math.inf, -math.inf] and math.isnan(read("[.nan]")[0])


def test_the_shipped_file_is_what_dvc_reads() -> None:
    text = (scratch.ROOT / "params.yaml").read_text()
    assert read(text) == YAML(typ="safe").load(text)


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "{[a]: 1}", "!!python/object:os.system x", "a: b: c", "a: &x *x"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(YAMLError):
        read(text)


def test_lines_of_keys_items_and_names_in_lists() -> None:
    lines = Lines("a:\n  b: [x,\n      z]\n  c:\n    - 1\n    - 2\n")
    assert [lines.of(where) for where in [("a",), ("a", "b", "z"), ("a", "c", 1), ("a", "d"), ("e",)]] == [
        1,
        3,
        6,
        1,
        1,
    ]
    assert Lines("").of(("a", 0)) == 1
