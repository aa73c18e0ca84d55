import json
from pathlib import Path

import pytest

from pipeline.tracking.ledger import Ledger, LedgerError, read

VERSION = {"kind": "version", "name": "toy-mlp", "profile": "laptop", "experiment": "toy", "variant": "none", "seed": 0}


def version(number: int, weights: str) -> dict:
    return VERSION | {"version": number, "artifact_hash": weights}


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    alias = {"kind": "alias", "name": "toy-mlp", "alias": "laptop_champion"}
    Ledger(path).append([version(1, "a"), alias | {"version": 1}])
    Ledger(path).append([version(2, "b"), alias | {"version": 2}])
    ledger = Ledger(path)
    assert ledger.number(version(0, "a")) == 1 and ledger.number(version(0, "b")) == 2
    assert ledger.number(version(0, "c")) is None and ledger.next_number("toy-mlp") == 3
    assert ledger.number(version(0, "a") | {"profile": "paper"}) is None
    assert ledger.aliases == {"toy-mlp": {"laptop_champion": 2}}
    ledger.append([alias | {"version": None}])
    assert Ledger(path).aliases == {"toy-mlp": {}}


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    Ledger(path).append([version(1, "a")])
    whole = path.read_bytes()
    for length in (1, 20, len(whole) - 2):
        path.write_bytes(whole + whole[:length])
        ledger = Ledger(path)
        assert ledger.next_number("toy-mlp") == 2
        assert path.read_bytes() == whole
        ledger.append([version(2, "b")])
        assert [json.loads(line)["version"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_look_at_it_names_a_torn_last_line_and_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    Ledger(path).append([version(1, "a")])
    torn = path.read_bytes() + b'{"kind":"ver'
    path.write_bytes(torn)
    with pytest.raises(LedgerError, match=r"registry.jsonl:2: .* or delete it"):
        read(path)
    assert path.read_bytes() == torn and read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "version", "name": "toy-mlp"},
        {"kind": "version", "name": "toy-mlp", "version": None, "artifact_hash": "a"},
        {"kind": "alias", "name": "toy-mlp", "version": 1},
        {"kind": "other"},
    ],
)
def test_a_line_that_lacks_what_it_is_read_for_is_named(tmp_path: Path, line: dict) -> None:
    path = tmp_path / "registry.jsonl"
    path.write_text(json.dumps(line) + "\n" + json.dumps(version(1, "a")) + "\n")
    with pytest.raises(LedgerError, match=r"registry.jsonl:1: no version and no alias"):
        Ledger(path)


def test_a_whole_last_line_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    path.write_text(json.dumps(version(1, "a")))
    assert Ledger(path).next_number("toy-mlp") == 2
    assert path.read_text().endswith("}\n")


def test_a_damaged_line_further_up_is_named(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    path.write_text(json.dumps(version(1, "a")) + "\n<<<<<<< HEAD\n" + json.dumps(version(2, "b")) + "\n")
    with pytest.raises(LedgerError, match=r"registry.jsonl:2: no version and no alias.*<<<<<<< HEAD"):
        Ledger(path)


def test_of_two_branches_the_first_line_keeps_the_number(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    Ledger(path).append([version(1, "a"), version(2, "ours"), version(2, "theirs")])
    ledger = Ledger(path)
    assert ledger.number(version(0, "ours")) == 2 and ledger.number(version(0, "theirs")) is None
    assert ledger.next_number("toy-mlp") == 3


def test_a_number_that_was_never_written_leaves_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    Ledger(path).append([version(3, "a")])
    assert [bool(line) for line in Ledger(path).versions["toy-mlp"]] == [False, False, True]
