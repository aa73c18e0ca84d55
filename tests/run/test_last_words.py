"""What a cell says that ends without a result: its own words, whatever they are and wherever they come from."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import lifetime
from pipeline.cells import fingerprint
from tests.run.plumbing import Project

ENDS = """
    import os, sys
    from pipeline.introspection import Strict

    class Spec(Strict):
        estimate: float | None = None
        name: str = ""

    class Silent(Exception):
        def __str__(self):
            raise KeyError

    def run(spec, folder, inputs):
        print("working", flush=True)
        {act}
"""
WORDS = {
    "a blank message": ("raise AssertionError", "AssertionError in run (", "ends.py:15): raise AssertionError"),
    "a message of spaces": ("raise ValueError('  ')", "ValueError in run (", "ends.py:15)"),
    "no source to show": (
        "exec(compile('int(\"x\")', 'made', 'exec'))",
        "ValueError: invalid literal for int()",
        "'x'",
    ),
    "a message that is none": ("raise Silent", "Silent: <exception str() failed>", ""),
    "other scripts": ("raise ValueError('\\u00fcber \\u4e2d \\U0001f600')", "ValueError: über 中 😀", ""),
    "bytes that are no text": ("raise OSError(os.fsdecode(b'a\\xff.png'))", "OSError: a", ".png"),
    "many lines": ("raise ValueError('one\\n  File \"x\", line 3\\n\\ntwo')", "ValueError: one\n  File", "two"),
    "notes": ("e = KeyError('x'); e.add_note('of mine.csv'); raise e", "KeyError: 'x'\nof mine.csv", ""),
    "more than is handed on": ("raise ValueError('x' * 10**6)", "ValueError: xxx", "x" * 1000 + " (log: "),
    "an end that is no error": ("sys.exit('enough')", "SystemExit: enough", ""),
    "a full disk": (
        "open('/dev/full', 'wb', 0).write(b'x')",
        "OSError: [Errno 28] No space left on device; the disk of ",
        "MB left; make room and run the same command again (log: ",
    ),
    "a log on a full disk": (
        "log = os.open('/dev/full', os.O_WRONLY); os.dup2(log, 1); os.dup2(log, 2); raise ValueError('y')",
        "ValueError: y (log: ",
        "",
    ),
    "a crash": ("os.kill(os.getpid(), 11)", "train ended with signal 11 (SIGSEGV); working (log: ", ""),
    "a file that does not fit": ("os.kill(os.getpid(), 7)", "signal 7 (SIGBUS, often for lack of space on a disk)", ""),
}


def why(project: Project, act: str, **more: Any) -> str:
    project.module("ends", ENDS.format(act=act))
    answer = project.run({"bad": {"entry": "pipeline.ends"}, **more}, jobs=1)
    assert any("train bad  train ended with " in line for line in answer["said"])
    return str(answer["why"])


@pytest.mark.parametrize("kind", WORDS)
def test_its_words_are_on_the_console(project: Project, kind: str) -> None:
    act, first, last = WORDS[kind]
    said = why(project, act)
    assert said.startswith("bad: train ended with ") and first in said and last in said[said.index(first) :]
    assert said.endswith("/log.txt)")


def test_how_a_process_ended_is_said_of_every_code() -> None:
    said = {code: lifetime.cause(code) for code in (0, 3, -9, -11, -64, -99)}
    assert said[0] == "exit code 0" and said[3] == "exit code 3" and said[-99] == "signal 99"
    assert said[-9].startswith("signal 9 (SIGKILL, ") and said[-11] == "signal 11 (SIGSEGV)"


# a disk without space


@pytest.fixture
def small_disk(project: Project) -> Iterator[Path]:
    """`.cells` on a disk of 64 kB."""
    folder = project.root / ".cells"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("only root may mount a disk, and not everywhere")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    "act",
    [
        "(folder / 'x.bin').write_bytes(b'x' * 10**5)",
        # a file that is written through memory, as arrays are
        "import mmap; f = open(folder / 'x.bin', 'wb+'); f.truncate(10**5); mmap.mmap(f.fileno(), 0)[:] = b'x' * 10**5",
    ],
)
def test_a_full_disk_is_named_with_the_file_and_what_to_do(project: Project, small_disk: Path, act: str) -> None:
    said = why(project, act, other={})
    assert "No space left on device" in said and "Traceback" not in said
    assert f"the disk of {small_disk}/" in said and "/x.bin has 0.0 MB left; make room and run the same " in said


def test_digests_that_can_not_be_kept_are_passed_over(own_cells: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("one")
    own_cells.mkdir()
    (own_cells / f"digests.{os.getpid()}").symlink_to("/dev/full")
    fingerprint.of_path(tmp_path / "file")
    fingerprint.save()
    assert not list(own_cells.iterdir())


def test_a_command_whose_own_file_does_not_fit_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plan.json.part").symlink_to("/dev/full")
    code = (
        "import sys; from pathlib import Path; from pipeline.cells.cell import write_json; "
        "from pipeline.run import invocation; sys.exit(invocation.run(lambda: write_json(Path(sys.argv[1]), 'x')))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "plan.json")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=fingerprint.PACKAGE.parent)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"No space left on device: '{tmp_path}/plan.json'; make room on the disk of " in done.stderr
