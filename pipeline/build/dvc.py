"""`dvc repro` as the project's commands call it: its stages as lines, its failure with advice."""

import os
import subprocess
import sys
from functools import partial

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import lifetime, paths
from pipeline.run.executors.forks import QUIET

REWRITTEN = (".dvc/tmp/rwlock", "dvc.lock", "studies/dvc.lock")  # JSON, which is YAML, and YAML


def repro(*words: str, planned: str = "") -> tuple[int, list[str]]:
    """DVC's exit code, and the stages that it ran. planned: the digest of the parameters whose plan is written."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**QUIET, **os.environ, "DVC_NO_ANALYTICS": "1", "LAB_PLANNED": planned},
        preexec_fn=partial(lifetime.die_with_parent, parent=os.getpid()),
    )
    assert process.stdout
    said: list[str] = []
    ran: list[str] = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Running stage"):
            ran.append(line.split("'")[1])
            print(line.rstrip().rstrip(":"), flush=True)
    code = process.wait()
    if code:
        print("".join(said[-30:]), file=sys.stderr)
        advice = f"{torn}, and " if (torn := _torn()) else ""
        print(f"dvc repro ended with exit code {code}; {advice}run the same command again", file=sys.stderr)
    return code, ran


def usable() -> bool:
    """Whether DVC can work here; why not is printed."""
    problem = absent()
    if problem:
        print(f"{problem}; all else is made", flush=True)
    return not problem


def absent() -> str:
    """Why DVC is left out here, empty where it works: it asks for Git, unless its own settings do without."""
    if any((folder / ".git").exists() for folder in (paths.ROOT, *paths.ROOT.parents)):
        return ""
    if _run("config", "core.no_scm").stdout.strip() == "true":
        return ""
    return "no Git repository here, so DVC is left out (`git init` brings it back)"


def problem() -> str:
    """What keeps DVC from reading its files and what to do, empty where it reads them."""
    if torn := _torn():
        return torn
    done = _run("status", "--json")
    return " ".join(done.stderr.split()) if done.returncode else ""


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True)


def _torn() -> str:
    """What to do about a file that DVC rewrites in place and can't read half of; empty where all are whole."""
    for name in REWRITTEN:
        try:
            whole = isinstance(YAML(typ="safe").load(paths.ROOT / name), dict)
        except FileNotFoundError:
            continue
        except (YAMLError, ValueError):
            whole = False
        if not whole:
            return f"delete {name}, which a killed DVC left half written"
    return ""
