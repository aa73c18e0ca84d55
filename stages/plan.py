"""What each step of the build wants: `python -m stages.plan`. `make repro` has written it already when it asks DVC."""

import os

from pipeline import paths
from pipeline.cells import fingerprint
from pipeline.run import invocation


def main() -> None:
    if os.environ.get("LAB_PLANNED") == fingerprint.of_path(paths.PARAMS):
        return
    from pipeline.build import steps  # most of a build has nothing to do, and need not wait for this
    from pipeline.build.selection import Selection
    from pipeline.config import loading
    from pipeline.run.plan import Plan

    params = loading.load()
    steps.adopt(params)
    steps.write_plan(Selection(Plan(params)))


if __name__ == "__main__":
    invocation.stage(main)
