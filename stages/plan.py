"""What each step of the build wants: `python -m stages.plan`. `make repro` has written it already when it asks DVC."""

from pipeline.build import steps
from pipeline.build.selection import Selection
from pipeline.config import loading
from pipeline.run import invocation
from pipeline.run.plan import Plan


def main() -> None:
    if not steps.planned():
        params = loading.load()
        steps.adopt(params)
        steps.write_plan(Selection(Plan(params)))


if __name__ == "__main__":
    invocation.stage(main)
