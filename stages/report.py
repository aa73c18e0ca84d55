"""Tables, figures and one page of every experiment that params.yaml names: `python -m stages.report`."""

from pipeline.config import loading
from pipeline.run import invocation


def main() -> None:
    from pipeline.report.build import build  # takes seconds, and only now is this process tied to its DVC

    build(loading.load())


if __name__ == "__main__":
    invocation.stage(main, ValueError)  # of a reference or a result file; it names the file
