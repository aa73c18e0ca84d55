"""Train and evaluate every point of one study: `python -m stages.study STUDY`."""

from pipeline import params, stage, studies


def main(study: str) -> None:
    known = params.load()
    stage.fill(studies.cells(known, study))
    studies.collect(known, study)


if __name__ == "__main__":
    stage.run(main)
