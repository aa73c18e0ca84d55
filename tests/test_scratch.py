"""Commands in scratch copies: what the smoke run, the tests and the measurements stand on."""

import signal
import sys
from pathlib import Path

import pytest

from bench import scratch
from tests import helpers

MEASUREMENT = f"""
import sys
sys.path.insert(0, {str(scratch.ROOT)!r})
from pathlib import Path
from bench import scratch
scratch.run(Path("copy"), "sleep", "600")
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_measurement_leaves_no_command_running(tmp_path: Path, end: signal.Signals) -> None:
    (tmp_path / "copy").mkdir()
    with helpers.started(tmp_path, sys.executable, "-c", MEASUREMENT) as measurement:
        helpers.wait_for(lambda: "sleep 600" in helpers.processes(tmp_path / "copy").values())
        helpers.kill(measurement.pid, end)
        measurement.wait(10)
        assert not helpers.survivors(tmp_path)
