"""How a command ends that a signal stops."""

import signal
import subprocess
import sys

import pytest

from tests.sources import ROOT

COMMAND = """
import sys, time
from pipeline.run import invocation
def call():
    print("begun", flush=True)
    time.sleep(30)
sys.exit(invocation.run(call))
"""


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped by SIGTERM")]
)
def test_a_stopped_command_says_in_one_line_how_to_go_on(number: int, code: int, said: str) -> None:
    words = [sys.executable, "-c", COMMAND]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "begun\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == code and told == f"{said}; the same command goes on where this one stopped\n"
