"""Tables, figures and one page of every experiment that params.yaml names: `python -m stages.report`."""

import sys

from pipeline import params, stage


def main() -> None:
    from pipeline.report.build import build  # takes seconds, and only now is this process tied to its DVC

    try:
        build(params.load())
    except ValueError as error:  # of a reference or a result file; it names the file
        sys.exit(f"report: {error}")


if __name__ == "__main__":
    stage.run(main)
