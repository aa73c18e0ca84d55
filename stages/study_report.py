"""Figures and tables of every study that params.yaml names: `python -m stages.study_report`."""

from pipeline import params, stage


def main() -> None:
    from pipeline.report.studies import build  # takes seconds, and only now is this process tied to its DVC

    build(params.load())


if __name__ == "__main__":
    stage.run(main)
