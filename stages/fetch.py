"""Fetch the files of one data set: `python -m stages.fetch DATA`."""

from pipeline import params, stage
from pipeline.plan import Plan


def main(data: str) -> None:
    cell = Plan(params.load()).fetch(data)
    stage.fill([cell])
    stage.link([cell])


if __name__ == "__main__":
    stage.run(main)
