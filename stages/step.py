"""Make the cells of one step of the build and show them: `python -m stages.step fetch`, `prepare` and so on."""

from pipeline.build import steps
from pipeline.config import loading
from pipeline.run import invocation


def main(step: str) -> None:
    steps.make(step, loading.load())


if __name__ == "__main__":
    invocation.stage(main)
