"""What Ray costs: cells that do nothing, on a head without cores and two nodes of one core each, processes here."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import scratch
from bench.figures import Figure, alone

RAY = Path(sys.executable).with_name("ray")
CELLS, LIMIT = 150, 0.5  # seconds of CPU a cell
NOTHING = """
    from pipeline.introspection import Strict

    class Spec(Strict):
        number: int

    def run(spec, folder, inputs):
        return {"status": "ok"}
"""
SCRIPT = """
    import json, resource, sys
    from pathlib import Path
    from pipeline.cells.cell import Cell
    from pipeline.nothing import Spec
    from pipeline.run.executors.ray_cluster import RayCluster
    from pipeline.run.fill import Run
    cells = [Cell("train", "pipeline.nothing", Spec(number=i), Path(str(i)), str(i)) for i in range(int(sys.argv[2]))]
    Run(RayCluster(sys.argv[1], None, 1, 1, 5.0), say=lambda _: None).fill(cells)
    assert all(cell.complete for cell in cells)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps(sum(u.ru_utime + u.ru_stime for u in usage)))
"""


class Cluster:
    """Processes on loopback."""

    def __init__(self) -> None:
        self.nodes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.head = self._node("--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false")

    def fill(self) -> None:
        """The head and two nodes that are there, one after the other: each takes names and ports that are free."""
        until(lambda: self._cores() is not None)
        self.nodes = [node for node in self.nodes if node.poll() is None]
        while len(self.nodes) < 2:
            self.nodes.append(self._node(f"--address={self.address}", "--num-cpus=1"))
            until(lambda: self._cores() == len(self.nodes))

    def _cores(self) -> int | None:
        """None where the head does not answer."""
        connect = f"import ray; ray.init({self.address!r}, logging_level='ERROR')"
        said = _run(sys.executable, "-c", f"{connect}; print('cores', ray.cluster_resources().get('CPU', 0))").stdout
        found = re.search(r"cores (\d+)", said)
        return int(found[1]) if found else None

    def _node(self, *words: str) -> subprocess.Popen[bytes]:
        common = ["--node-ip-address=127.0.0.1", "--num-gpus=0", "--object-store-memory=100000000", "--block"]
        common += ["--include-log-monitor=false"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**scratch.environment(), "RAY_USAGE_STATS_ENABLED": "0"}
        return subprocess.Popen([RAY, "start", *common, *words], env=environment, start_new_session=True, **quiet)

    def _processes(self, *nodes: "subprocess.Popen[bytes]") -> Iterator[tuple[int, list[str]]]:
        """Process ids with what /proc/<pid>/stat says after the name. Each node is a session of its own."""
        sessions = {node.pid for node in nodes}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[3]) in sessions:
                    yield int(path.parent.name), fields

    def cpu_seconds(self) -> dict[int, float]:
        """Of each process of the cluster, with the children that it has seen end, by process id."""
        ticks = os.sysconf("SC_CLK_TCK")
        every = self._processes(self.head, *self.nodes)
        return {pid: sum(map(int, fields[11:15])) / ticks for pid, fields in every}

    def lose(self, node: "subprocess.Popen[bytes]") -> None:
        """All its processes at once."""
        for pid, _ in self._processes(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def stop(self) -> None:
        for node in [*self.nodes, self.head]:
            if node.poll() is None:
                self.lose(node)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "not within a minute"
        time.sleep(0.2)


def _run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, env=scratch.environment(), capture_output=True, text=True, timeout=60)


def measure() -> Iterator[Figure]:
    """CPU seconds a cell, of the run and of the cluster, its workers' start included."""
    if not RAY.is_file():
        print("cluster: ray is not installed, `make ray` does it; nothing measured")
        return
    cluster = Cluster()
    try:
        cluster.fill()
        with tempfile.TemporaryDirectory() as folder:
            project = scratch.copy(Path(folder) / "project", lambda params: None)
            (project / "pipeline" / "nothing.py").write_text(textwrap.dedent(NOTHING))
            (project / "script.py").write_text(textwrap.dedent(SCRIPT))
            before = sum(cluster.cpu_seconds().values())
            words = [sys.executable, "script.py", cluster.address, str(CELLS)]
            most = dict[int, float]()  # what a process had spent when it was last seen: a worker is killed at the end
            with subprocess.Popen(words, cwd=project, env=scratch.environment(), stdout=subprocess.PIPE) as running:
                while running.poll() is None:
                    most |= cluster.cpu_seconds()
                    time.sleep(0.2)
                own = float(json.loads((running.communicate()[0]).splitlines()[-1]))
            assert running.returncode == 0
            spent = sum((most | cluster.cpu_seconds()).values()) - before + own
            yield alone(f"cell that does nothing, over Ray, {CELLS} of them", [spent / CELLS], "s CPU", LIMIT)
    finally:
        cluster.stop()
