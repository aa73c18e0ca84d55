"""Durations as people read them."""

from math import inf


def format_duration(seconds: float) -> str:
    """`40 s`, `6 min`, `3.5 h`, `an unknown time`."""
    if seconds == inf:
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
