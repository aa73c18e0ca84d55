"""Train and evaluate every point of the studies: `python -m stages.study`."""

from pipeline.build import studies
from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    studies.make(loading.load())


if __name__ == "__main__":
    invocation.stage(main)
