"""`dvc repro` as the project's commands call it: its stages as lines, its failure with advice."""

import json
import os
import subprocess
import sys
from functools import partial

from pipeline import lifetime, paths
from pipeline.run.executors.forks import QUIET

LOCK = ".dvc/tmp/rwlock"


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
        advice = f"delete {LOCK}, which a killed DVC left half written, and " if _torn() else ""
        print(f"dvc repro ended with exit code {code}; {advice}run the same command again", file=sys.stderr)
    return code, ran


def usable() -> bool:
    """Whether DVC can work here, which is said if not: it asks for Git, unless its own settings do without."""
    if any((folder / ".git").exists() for folder in (paths.ROOT, *paths.ROOT.parents)):
        return True
    words = [sys.executable, "-m", "dvc", "config", "core.no_scm"]
    if subprocess.run(words, capture_output=True, text=True).stdout.strip() == "true":
        return True
    print("no Git repository here: all is made, but DVC, which needs one, is left out; `git init` brings it back")
    return False


def _torn() -> bool:
    """Whether DVC's lock of files is no JSON: DVC rewrites it in place and can't read half of it."""
    try:
        json.loads((paths.ROOT / LOCK).read_text())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False
