"""Every figure as PDF, for a paper: `python -m pipeline.report.pdf`."""

from pipeline.config import loading
from pipeline.report import build, study

if __name__ == "__main__":
    params = loading.load()
    build.build(params, pdf=True)
    study.build(params, pdf=True)
