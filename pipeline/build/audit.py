"""Whether every finished cell still is what its marker says."""

import json

from pipeline.cells import store
from pipeline.cells.cell import CellError


def audit() -> int:
    """Print each damaged cell and a count; exit code 1 if there is one."""
    count = damaged = 0
    for folder in store.finished():
        count += 1
        try:
            store.verify(folder)
        except CellError as error:
            damaged += 1
            print(error)
    print(json.dumps({"cells": count, "damaged": damaged}))
    return 1 if damaged else 0
