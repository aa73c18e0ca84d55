"""What was read of a data set, before anything is trained on it."""

from pipeline import paths
from pipeline.build.repro import alone
from pipeline.config import loading
from pipeline.config.messages import unknown
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan


def look(data: str) -> int:
    """Get and prepare a data set if need be, print its counts, ranges and remarks, and draw a sheet of samples."""
    plan = Plan(loading.load())
    if data not in plan.params.data:
        raise loading.ParamsError(unknown("data set", data, plan.params.data))
    cell = plan.prepare(data)
    with alone():
        Run(executor(1)).fill([cell])
    from pipeline.report.look import Look  # matplotlib is only wanted now

    found = Look(cell.folder)
    print("\n".join(found.lines()))
    path = paths.look(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    if remark := found.sheet(path):
        print(f"remark: {remark}")
    print(f"samples: {path.relative_to(paths.ROOT)}")
    return 0
