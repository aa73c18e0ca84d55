"""Check, split and describe one data set: `python -m stages.prepare DATA`."""

from pipeline import params, stage
from pipeline.plan import Plan


def main(data: str) -> None:
    cell = Plan(params.load()).prepare(data)
    stage.fill([cell])
    stage.link([cell])


if __name__ == "__main__":
    stage.run(main)
