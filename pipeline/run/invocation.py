"""How a command begins and ends: with make or DVC, by signal, by a message instead of a traceback."""

import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from pipeline import lifetime, paths
from pipeline.errors import Told

EXPECTED: tuple[type[Exception], ...] = (Told, FileNotFoundError)
AGAIN = "the same command goes on where this one stopped"


class Stopped(SystemExit):
    """Raised where this process is when SIGTERM comes, so that it ends as after Ctrl-C."""


def run(call: Callable[[], int]) -> int:
    """Exit code of `call`: 130 after Ctrl-C, 143 after SIGTERM, 1 after an error whose message says it all."""
    if os.environ.get("MAKELEVEL"):
        lifetime.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return call()
    except KeyboardInterrupt:
        print(f"interrupted; {AGAIN}", file=sys.stderr)
        return 130
    except Stopped:
        print(f"stopped by SIGTERM; {AGAIN}", file=sys.stderr)
        return 143
    except EXPECTED as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(_without_space(error), file=sys.stderr)
        return 1


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(128 + number)


def stage(main: Callable[..., object], *expected: type[Exception]) -> None:
    """Call a stage's `main` with the command line's words; it ends with its DVC, and by a message if it fails."""
    lifetime.die_with_ancestor("dvc")
    try:
        main(*sys.argv[1:])
    except (*EXPECTED, *expected) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except OSError as error:
        sys.exit(_without_space(error))


def _without_space(error: OSError) -> str:
    """What to say where a disk is full; any other error is raised again."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    return f"{type(error).__name__}: {error}; make room on the disk of {paths.ROOT} and run the same command again"
