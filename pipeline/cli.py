"""Commands behind the Makefile: `python -m pipeline.cli COMMAND`. Only parsing, the rest is elsewhere."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.run import invocation


class Optional(click.ParamType):
    """A value of `kind` that may be empty, as make passes what is not set; `least` bounds a number."""

    name = "value"

    def __init__(self, kind: type[int] | type[float] | type[str], least: float | None = None) -> None:
        self.kind, self.least = kind, least

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if value in ("", None):
            return None
        try:
            found = self.kind(value)
        except ValueError:
            self.fail(f"{value!r} is no {'whole number' if self.kind is int else 'number'}", param, context)
        if self.least is not None and not float(found) >= self.least:
            self.fail(f"{value} must be at least {self.least:g}", param, context)
        return found


EXPERIMENT = click.option("--experiment", type=Optional(str), help="one row or variant of params.yaml")
DATA = click.option("--data", type=Optional(str), help="the rows of one data set")
TASK = click.option("--task", type=Optional(str), help="the rows of one part, such as text, or `all`")
JOBS = click.option("--jobs", type=Optional(int, 0), help="cells side by side; 0: in this process, for a debugger")
PORT = click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def app() -> None:
    """The laboratory's commands."""


def command(*options: Callable[[Any], Any]) -> Callable[[Callable[..., int]], Any]:
    """A command of `app` whose return value is the exit code, and whose errors are messages."""

    def add(function: Callable[..., int]) -> Any:
        def call(**given: Any) -> None:
            sys.exit(invocation.run(lambda: function(**given)))

        for option in options:
            call = option(call)
        return app.command(function.__name__.rstrip("_").replace("_", "-"), help=function.__doc__)(call)

    return add


@command(EXPERIMENT, DATA, TASK, JOBS, click.option("--quiet", is_flag=True))
def repro(experiment: str | None, data: str | None, task: str | None, jobs: int | None, quiet: bool) -> int:
    """From raw data to the report: missing cells side by side, then DVC."""
    from pipeline.build.repro import repro

    return repro(experiment, data, task, jobs, quiet)


@command(EXPERIMENT, DATA, TASK, JOBS)
def fill(experiment: str | None, data: str | None, task: str | None, jobs: int | None) -> int:
    """Cells alone, without DVC, MLflow or Optuna, for `import-cells` elsewhere."""
    from pipeline.build.repro import only_fill

    return only_fill(experiment, data, task, jobs)


@command(EXPERIMENT, DATA, TASK, JOBS)
def why(experiment: str | None, data: str | None, task: str | None, jobs: int | None) -> int:
    """What would run, because of which input, and for how long; computes nothing."""
    from pipeline.build.why import why

    return why(experiment, data, task, jobs)


@command(click.option("--study", type=Optional(str), help="one study of params.yaml"), TASK, JOBS)
def study(study: str | None, task: str | None, jobs: int | None) -> int:
    """Variations of rows: missing cells side by side, then their figures."""
    from pipeline.build.studies import repro

    return repro(study, task, jobs)


@command(DATA)
def look(data: str | None) -> int:
    """What was read of a data set: counts, ranges, remarks, and a sheet of samples."""
    from pipeline.build.look import look

    return look(data or "")


@command(EXPERIMENT)
def lr_range(experiment: str | None) -> int:
    """Learning-rate range test of a row: its plot, and the rate that it suggests."""
    from pipeline.build.lr_range import lr_range

    return lr_range(experiment or "")


SEARCHED = click.option("--experiment", type=Optional(str), help="rows of params.yaml with commas between them")


@command(
    SEARCHED,
    TASK,
    JOBS,
    click.option("--trials", type=Optional(int, 1), help="whole trainings of each, earlier sweeps included"),
    click.option("--timeout", type=Optional(float, 0), help="seconds for each; no trial is begun after"),
)
def sweep(experiment: str | None, task: str | None, jobs: int | None, trials: int | None, timeout: float | None) -> int:
    """Search each experiment's space on the validation split; goes on where an earlier sweep stopped."""
    from pipeline.search.commands import sweep

    return sweep(experiment, task, jobs, trials, timeout)


@command(SEARCHED, TASK)
def promote(experiment: str | None, task: str | None) -> int:
    """Add each best trial to params.yaml as a recipe and a row beside the default."""
    from pipeline.search.commands import promote

    return promote(experiment, task)


@command(click.argument("source", type=click.Path(path_type=Path)))
def import_cells(source: Path) -> int:
    """Copy another machine's finished cells in, verified."""
    from pipeline.cells import store

    copied, present = store.import_from(source)
    print(f"{copied} cells verified and copied, {present} already here; `make repro` takes them up")
    return 0


@command()
def audit() -> int:
    """Rehash every finished cell; exit code 1 if one is damaged."""
    from pipeline.build.audit import audit

    return audit()


@command(PORT)
def ui(port: int) -> int:
    """MLflow over the project's store, on loopback, until Ctrl-C."""
    from pipeline.tracking.commands import ui

    return ui(port)


@command(click.argument("model"), PORT)
def serve(model: str, port: int) -> int:
    """Answer POST /invocations with a registered model, on loopback, until Ctrl-C."""
    from pipeline.tracking.commands import serve

    return serve(model, port)


if __name__ == "__main__":
    app()
