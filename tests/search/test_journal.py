from pathlib import Path

import pytest

from pipeline.search.journal import JournalError, held, mend

LINES = b'{"a": 1}\n{"b": 2}\n'


@pytest.mark.parametrize("torn", [b'{"c"', b'{"c": 3}', b"\0\0\0", b'{"c": \n\0\0'])
def test_a_tail_that_is_no_line_is_cut(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "x.journal"
    path.write_bytes(LINES + torn)
    assert "torn1" in (mend(path) or "")
    assert path.read_bytes() == LINES
    assert (tmp_path / "x.journal.torn1").read_bytes() == LINES + torn
    assert mend(path) is None


def test_damage_before_the_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    path.write_bytes(b'{"a": 1\n' + LINES)
    with pytest.raises(JournalError, match="line 1: damaged"):
        mend(path)


def test_it_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "sweeps" / "x.journal"
    with held(path), pytest.raises(JournalError, match="in use"), held(path):
        pass
    with held(path) as mended:
        assert mended is None
