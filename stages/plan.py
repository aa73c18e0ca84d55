"""What each step of the build wants: `python -m stages.plan`. `make repro` has written it already when it asks DVC."""

from pipeline.build import steps
from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    if not steps.planned():
        steps.write_plan(loading.load())


if __name__ == "__main__":
    invocation.stage(main)
