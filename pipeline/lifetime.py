"""No orphans: a process that works for another ends with it, also when that one is killed with -9. And how it ended."""

import ctypes
import os
import select
import signal
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
USUAL = {
    signal.SIGKILL: "often by the system for lack of memory: run again with fewer JOBS",
    signal.SIGBUS: "often for lack of space on a disk",
}


def die_with_parent(signal_number: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send `signal_number` to this process when its parent dies (Linux; elsewhere a poll).

    parent: its process id, where it is known: a parent that died before this call was even made is noticed then.
    """
    parent = parent or os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    else:
        threading.Thread(target=_poll, args=(parent, signal_number), daemon=True).start()
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal_number)


def cause(code: int) -> str:
    """How a process ended, from its exit code as `subprocess` has it: `exit code 1`, `signal 11 (SIGSEGV)`."""
    if code >= 0:
        return f"exit code {code}"
    known = signal.Signals(-code) if -code in {*signal.Signals} else None
    return f"signal {-code}" + (f" ({', '.join(filter(None, [known.name, USUAL.get(known)]))})" if known else "")


def die_with_ancestor(program: str) -> None:
    """End this process when its nearest ancestor named `program`, or a module of that name, dies.

    DVC runs a stage through a shell, which survives it and would keep the stage: watch DVC itself. A stage whose DVC
    died while it was starting finds that it, or its shell, was given to init; it ends at once.
    """
    if not Path("/proc/self/stat").exists():
        return
    pid, passed = os.getppid(), 0
    while pid:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            if program.encode() in [os.path.basename(word).rpartition(b".")[2] for word in words[:3]]:
                threading.Thread(target=_watch, args=(os.pidfd_open(pid),), daemon=True).start()
                return
        except (ProcessLookupError, FileNotFoundError):
            break  # it ended between two lines
        except (OSError, ValueError):
            return
        pid, passed = parent, passed + 1
    if "DVC_STAGE" in os.environ and passed <= 2:
        sys.exit(f"{program} ended before this stage began")


def _watch(handle: int) -> None:
    select.select([handle], [], [])
    os.kill(os.getpid(), signal.SIGKILL)  # our own children die with us


def _poll(parent: int, signal_number: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(1.0)
    os.kill(os.getpid(), signal_number)
