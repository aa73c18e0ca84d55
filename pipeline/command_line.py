"""How a command of the Makefile begins and ends: with make, by signal, by a message instead of a traceback."""

import os
import signal
import sys
from collections.abc import Callable

from pipeline import lifeline
from pipeline.cells import CellError
from pipeline.params import ParamsError
from pipeline.runner import RunError

EXPECTED: tuple[type[Exception], ...] = (ParamsError, CellError, RunError, FileNotFoundError)


def run(call: Callable[[], int], *expected: type[Exception]) -> int:
    """Exit code of `call`: 130 after Ctrl-C, 143 after SIGTERM, 1 after an error whose message says it all."""
    if os.environ.get("MAKELEVEL"):
        lifeline.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return call()
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    except (*EXPECTED, *expected) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
