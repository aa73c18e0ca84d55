"""Cells on a real Ray cluster: a head without cores and two nodes of one core each, processes on loopback."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from bench.cluster import Cluster, until
from pipeline.cells.cell import MARKER, VOLATILE, read_json
from tests import helpers

pytest.importorskip("ray", reason="`make ray` installs it")
EPOCHS = 120
SPACE = {
    "trials": 4,
    "sampler": "random",
    "set": {"lr": {"low": 0.0003, "high": 0.05, "log": True}},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    try:
        found.fill()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Filled and swept on this machine alone."""

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["digits_mlp", "digits_svm"], seeds=(0, 1), epochs=EPOCHS)(params)
        params["search"] = {"digits_mlp": SPACE}

    folder = scratch.copy(tmp_path_factory.mktemp("local") / "project", edit)
    scratch.cli(folder, "fill")
    scratch.cli(folder, "sweep")
    return folder


@pytest.fixture
def project(local: Path, tmp_path: Path, cluster: Cluster) -> Path:
    """The same without cells but its data's, and with the cluster."""
    left_out = shutil.ignore_patterns(".cells", "sweeps")
    folder = Path(shutil.copytree(local, tmp_path / "project", ignore=left_out))

    def edit(params: dict[str, Any]) -> None:
        profile = params["profiles"][params["profile"]]
        profile.update(executor="ray", ray_address=cluster.address, ray_checkpoint_minutes=0.01, checkpoint_seconds=0.0)

    scratch.change(folder, edit)
    return folder


def digests(folder: Path) -> dict[str, Any]:
    """Of all files of each cell but times, and the model of scikit-learn, which has addresses and times in it."""
    changing = {*VOLATILE, "spec.json", "model.skops"}
    found = {path.parent.name: read_json(path)["files"] for path in folder.glob(f".cells/*/{MARKER}")}
    return {key: {n: d for n, d in files.items() if n not in changing} for key, files in found.items()}


def sent(folder: Path) -> list[Path]:
    """Checkpoints that nodes have sent."""
    return list(folder.glob(".cells/*/checkpoint.ckpt"))


def trials(folder: Path) -> list[Any]:
    from tests.search.conftest import Laboratory

    return Laboratory(folder).study()["settled"]


def disturbed(cluster: Cluster, project: Path, command: str, lost: int) -> str:
    """What a command says in whose midst nodes are lost, once one of them has sent a checkpoint."""
    cluster.fill()
    with helpers.started(project, sys.executable, "-m", "pipeline.cli", command) as running:
        until(lambda: bool(sent(project)) or running.poll() is not None)
        for node in cluster.nodes[:lost]:
            cluster.lose(node)
        cluster.fill()
        assert running.wait(timeout=240) == 0
    said = (project / "said.txt").read_text()
    assert "was lost; it goes on elsewhere" in said
    return said


@pytest.mark.slow
def test_a_lost_node_s_cells_go_on_elsewhere_and_all_are_as_made_here(
    cluster: Cluster, project: Path, local: Path
) -> None:
    disturbed(cluster, project, "fill", lost=2)
    made, expected = digests(project), digests(local)
    assert len(made) > 12 and made == {key: expected[key] for key in made}
    assert [p for p in project.glob(".cells/*/log.txt") if "going on after" in p.read_text()]
    costs = [read_json(path) for path in project.glob(".cells/*/costs.json")]
    assert costs and all(cost["lock"] for cost in costs)
    again = scratch.cli(project, "fill").stdout
    assert "to make" not in again


@pytest.mark.slow
def test_a_sweep_survives_lost_nodes_and_finds_what_it_finds_here(cluster: Cluster, project: Path, local: Path) -> None:
    said = disturbed(cluster, project, "sweep", lost=2)
    assert "2 side by side" in said and "[4/4]" in said
    assert trials(project) == trials(local)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "words"),
    [("127.0.0.1:9", "no cluster at 127.0.0.1:9 within 5 s"), ("nowhere", "is not `host:port`")],
)
def test_a_cluster_that_is_not_there_is_said_and_nothing_is_begun(project: Path, address: str, words: str) -> None:
    scratch.change(project, lambda params: params["profiles"][params["profile"]].update(ray_address=address))
    before = time.monotonic()
    for command in ("fill", "sweep"):
        refused = scratch.run(project, sys.executable, "-m", "pipeline.cli", command, check=False)
        assert refused.returncode == 1 and words in refused.stderr and "Traceback" not in refused.stderr
    assert time.monotonic() - before < 40 and not (project / "sweeps").exists() and not digests(project)
