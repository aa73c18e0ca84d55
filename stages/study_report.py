"""Figures and tables of every study that params.yaml names: `python -m stages.study_report`."""

from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    from pipeline.report.study import build  # only now is this process tied to its DVC

    build(loading.load())


if __name__ == "__main__":
    invocation.stage(main)
