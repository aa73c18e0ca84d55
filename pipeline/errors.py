"""Errors whose message says all: what is wrong, what is valid, what to do next. And what any other error says.

Commands and stages show the message of such an error, and no traceback.
"""

import errno
import os
import traceback

NO_SPACE = os.strerror(errno.ENOSPC)


class Told(Exception):
    """Raised with a message for the person at the terminal."""


def words(error: BaseException) -> str:
    """`ValueError: what it says`, and its notes; of an error that says nothing, where it was raised."""
    said = "".join(traceback.format_exception_only(error)).strip()
    first, frames = said.partition("\n")[0], traceback.extract_tb(error.__traceback__)
    if frames and first.strip(": ").endswith(type(error).__name__):
        place = f"{frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno}): {frames[-1].line}"
        said = said.replace(first, f"{first.strip(': ')} in {place}", 1)
    return said
