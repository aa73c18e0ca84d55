"""One cell trained by processes that torchrun or srun started; all on loopback, two of them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from tests import helpers

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
pytestmark = pytest.mark.slow
NODES = ["-m", "pipeline.run.torchrun", "digits_mlp", "0"]


def small(epochs: int) -> Any:
    def edit(sections: dict[str, Any]) -> None:
        scratch.only(["digits_mlp", "iris_svm"], seeds=(0,), epochs=epochs)(sections)
        for profile in sections["profiles"].values():
            profile["devices"] = 2

    return edit


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With prepared data and one network, trained by two devices as `make fill` does it."""
    project = scratch.copy(tmp_path_factory.mktemp("nodes"), small(20))
    scratch.cli(project, "fill", "--experiment", "digits_mlp", "--jobs", "1")
    return project


def trained(project: Path) -> Path:
    (name,) = helpers.cells(project, "train")
    return project / ".cells" / name


@pytest.fixture(scope="module")
def digest(project: Path) -> str:
    assert json.loads((trained(project) / "costs.json").read_text())["hardware"].startswith("2 x ")
    return weights_hash(project)


@pytest.fixture
def expected(project: Path, digest: str) -> str:
    """The weights that all ways must come to; their cell is taken away."""
    for name in helpers.cells(project, "train"):
        shutil.rmtree(project / ".cells" / name)
    return digest


def weights_hash(project: Path) -> str:
    return json.loads((trained(project) / "result.json").read_text())["weights_hash"]


def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def ended_well(project: Path, *commands: tuple[list[str], dict[str, str]]) -> None:
    """All of the commands at once."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    words,
                    cwd=project,
                    env={**scratch.environment(), **more},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
            for words, more in commands
        ]
        for process in running:
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said


def test_torchrun_on_one_machine(project: Path, expected: str) -> None:
    ended_well(project, ([*TORCHRUN, "--standalone", "--nproc-per-node", "2", *NODES], {}))
    assert weights_hash(project) == expected
    assert scratch.cli(project, "audit").returncode == 0


def test_torchrun_on_two_machines(project: Path, expected: str) -> None:
    place = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port()]
    ended_well(project, *[([*TORCHRUN, *place, "--node-rank", rank, *NODES], {}) for rank in "01"])
    assert weights_hash(project) == expected


def test_variables_of_slurm(project: Path, expected: str) -> None:
    job = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NODELIST": "localhost", "MASTER_PORT": port()}
    job |= {"SLURM_JOB_ID": "1234", "SLURM_JOB_NAME": "train", "SLURM_NODEID": "0"}
    ranks = [{**job, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} for rank in (0, 1)]
    ended_well(project, *[([sys.executable, *NODES], rank) for rank in ranks])
    assert weights_hash(project) == expected


def test_a_finished_cell_is_left_as_it_is(project: Path) -> None:
    before = (trained(project) / "cell.json").stat().st_mtime_ns
    ended_well(project, ([*TORCHRUN, "--standalone", "--nproc-per-node", "2", *NODES], {}))
    assert (trained(project) / "cell.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["digits_mlq", "0"], "did you mean 'digits_mlp'"),
        (["iris_svm", "0"], "iris_svm is no network; `make fill EXPERIMENT=iris_svm` fits it"),
        (["digits_mlp", "-1"], "seed -1: give a whole number from 0 to 4294967295"),
        (["digits_mlp", "0"], "neither torchrun nor srun started this"),
    ],
)
def test_what_can_not_be_trained_so(project: Path, words: list[str], why: str) -> None:
    done = scratch.run(project, sys.executable, "-m", "pipeline.run.torchrun", *words, check=False)
    assert done.returncode == 1 and why in done.stderr


def test_what_it_is_made_from_is_asked_for_by_name(tmp_path: Path) -> None:
    card = "pipeline/models/cards/efficientnet_lite0.yaml"

    def started(sections: dict[str, Any]) -> None:
        small(1)(sections)
        row = {"model": "models/efficientnet_lite", "view": "rgb32", "args": {}, "start": {"weights": card}}
        row["set"] = {"scaling": "symmetric"}
        sections["experiments"]["digits_lite"] = {**sections["experiments"]["digits_mlp"], **row}

    project = scratch.copy(tmp_path, started)
    words = [sys.executable, "-m", "pipeline.run.torchrun", "digits_lite", "0"]
    done = scratch.run(project, *words, check=False)
    assert done.returncode == 1
    assert (
        "needs prepare digits on this machine first: `python -m pipeline.run.torchrun digits_lite 0 --inputs`"
        in done.stderr
    )
    scratch.run(project, *words, "--inputs")
    assert len(helpers.cells(project, "fetch")) == 2 and len(helpers.cells(project, "prepare")) == 1
    assert "neither torchrun nor srun" in scratch.run(project, *words, check=False).stderr
    assert not helpers.cells(project, "train")


def test_one_killed_ends_all(tmp_path: Path) -> None:
    project = scratch.copy(tmp_path, small(100_000))
    scratch.run(project, sys.executable, *NODES, "--inputs")
    with helpers.started(project, *TORCHRUN, "--standalone", "--nproc-per-node", "2", *NODES) as process:
        assert helpers.wait_for(lambda: list(project.glob(".cells/*/progress.json")), 90)
        ranks = [pid for pid, words in helpers.processes(project).items() if "pipeline.run.torchrun" in words]
        os.kill(max(r for r in ranks if r != process.pid), signal.SIGKILL)
        assert process.wait(60) == 1
        assert not helpers.survivors(project, 10)
    assert not helpers.cells(project, "train")
