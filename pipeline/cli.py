"""Commands behind the Makefile: `python -m pipeline.cli COMMAND`."""

import argparse
import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipeline import cells, command_line, lifeline, params, paths, runner, studies
from pipeline.cells import Cell, CellError
from pipeline.estimate import Estimates, spoken, too_dear
from pipeline.plan import Plan
from pipeline.problems import unknown
from pipeline.runner import Run, RunError
from pipeline.why import explain


class Selection:
    """The rows that a command is about, and of those the ones that this machine can afford."""

    def __init__(self, plan: Plan, experiment: str | None, data: str | None) -> None:
        self.plan, self.part = plan, bool(experiment or data)
        known = plan.params.experiments
        if experiment and experiment not in known and experiment not in plan.params.variants:
            raise params.ParamsError(params.no_row(plan.params, experiment))
        if data and data not in plan.params.data:
            raise params.ParamsError(unknown("data set", data, plan.params.data))
        parent = plan.params.variants[experiment].of if experiment in plan.params.variants else experiment
        self.experiments = [k for k, e in known.items() if parent in (None, k) and data in (None, e.data)]
        self.data = [d for d in plan.params.data if any(known[k].data == d for k in self.experiments)]
        self.estimates = Estimates(plan.params)
        # Whoever names one experiment has been told the price.
        prices = {} if experiment else {key: too_dear(plan, key, self.estimates) for key in self.experiments}
        self.skipped = {key: seconds for key, seconds in prices.items() if seconds is not None}
        self.experiments = [k for k in self.experiments if k not in self.skipped]
        self.variants = [k for k, v in plan.params.variants.items() if v.of in self.experiments]

    def prepared(self) -> list[Cell]:
        return [self.plan.prepare(d) for d in self.data]

    def cells(self) -> list[Cell]:
        rows = [c for k in self.experiments for c in self.plan.experiment(k)]
        return self.prepared() + rows + [c for k in self.variants for c in self.plan.variant(k)]


def repro(options: argparse.Namespace) -> int:
    """Fill the missing cells side by side, then let DVC find them all done."""
    plan = Plan(params.load())
    with _alone():
        jobs = options.jobs or runner.default_jobs(plan.profile.threads, plan.profile.devices)
        chosen = Selection(plan, options.experiment, options.data)
        _unfinished(Run(jobs, chosen.estimates.seconds), {"data": chosen.prepared()})
        chosen = Selection(plan, options.experiment, options.data)  # again: data tells what a row costs
        wanted = {k: list(plan.experiment(k)) for k in chosen.experiments}
        wanted |= {k: list(plan.variant(k)) for k in chosen.variants}
        unfinished = _unfinished(Run(jobs, chosen.estimates.seconds), wanted)
        code = _dvc(chosen, unfinished)
    if code == 0 and not options.quiet:
        _closing(chosen)
    return code or (1 if unfinished else 0)


def _unfinished(run: Run, wanted: dict[str, list[Cell]]) -> list[str]:
    """Fill cells by name; the names of those that could not all be finished, of which the reasons are said."""
    try:
        run.fill([cell for cells in wanted.values() for cell in cells])
    except RunError as error:
        print(f"\n{error}", file=sys.stderr)
    return [name for name, cells in wanted.items() if not all(cell.complete for cell in cells)]


def _dvc(chosen: Selection, unfinished: list[str]) -> int:
    """One ordinary `dvc repro`; where rows are left out, of the stages that are left and what follows from them."""
    if not chosen.part and not chosen.skipped and not unfinished:
        return _run_dvc("repro")
    done = [k for k in chosen.experiments if k not in unfinished]
    variants = [k for k in chosen.variants if k not in unfinished and chosen.plan.params.variants[k].of in done]
    if not done and unfinished:
        return 1
    for folder in (paths.artifacts, paths.results):
        folder(chosen.plan.params.profile, "").mkdir(parents=True, exist_ok=True)
    data = [d for d in chosen.data if chosen.plan.prepare(d).complete]
    code = _run_dvc("repro", *(f"prepare@{d}" for d in data)) if data else 0  # without a target it would be all
    rows = [f"{s}@{k}" for k in done for s in ("train", "evaluate")] + [f"compress@{k}" for k in variants]
    return code or _run_dvc("repro", "--single-item", *rows, "report", "publish")


def _run_dvc(*words: str) -> int:
    """DVC's exit code; after a failure, and if a killed one had left files in its way, that of a second attempt."""
    code = _call_dvc(*words)
    if code and (torn := _mended()):
        print(f"a killed DVC had left {' and '.join(torn)} unusable: removed, it makes them again", file=sys.stderr)
        code = _call_dvc(*words)
    return code


def _mended() -> list[str]:
    """Names of DVC's own files that were torn or only the dead hold, and are removed.

    Without its lock file it asks every stage again.
    """
    torn = []
    for name, whole in ((".dvc/tmp/rwlock", _rwlock), ("dvc.lock", _lock_file)):
        path = paths.ROOT / name
        for _ in range(2):  # it may be a living one that is writing just now
            try:
                whole(path.read_text())
                break
            except FileNotFoundError:
                break
            except Exception:  # whatever makes it no such file
                time.sleep(0.5)
        else:
            path.unlink(missing_ok=True)
            torn.append(name)
    return torn


def _rwlock(text: str) -> None:
    """ValueError if only the dead hold it. DVC believes in one while its number exists, a zombie's or a stranger's."""
    found = json.loads(text)
    holders = [*found.get("write", {}).values(), *(h for readers in found.get("read", {}).values() for h in readers)]
    if holders and not any(_lives(holder["pid"]) for holder in holders):
        raise ValueError("held by nobody")


def _lives(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any("dvc" in word for word in process.cmdline())
    except psutil.AccessDenied:
        return True  # another user's: perhaps a DVC
    except psutil.NoSuchProcess:
        return False


def _lock_file(text: str) -> None:
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from ruamel.yaml import YAML

    COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(text))
    if re.search(r"hash: (?!md5\b)", text):  # the schema takes any word, DVC itself then fails without one
        raise ValueError("a word was cut")


def _call_dvc(*words: str) -> int:
    environment = {**runner.QUIET, **os.environ, "DVC_NO_ANALYTICS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.dvc", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=partial(lifeline.die_with_parent, parent=os.getpid()),
    )
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Running stage"):
            print(line.rstrip().rstrip(":"), flush=True)
    code = process.wait()
    if code:
        print("".join(said[-30:]), file=sys.stderr)
        print(
            f"dvc {' '.join(words[:1])} ended with exit code {code}; run the same command again once it is mended",
            file=sys.stderr,
        )
    return code


def _closing(chosen: Selection) -> None:
    folder = paths.reports(chosen.plan.params.profile)
    print("\n" + (folder / "comparison.txt").read_text())
    for key, seconds in chosen.skipped.items():
        print(
            f"not run here: {key}, about {spoken(seconds)} a seed; `make repro EXPERIMENT={key}` runs it all the same"
        )
    print(f"report: {folder.relative_to(paths.ROOT)}/comparison.html   registry: make ui")


@contextmanager
def _alone() -> Iterator[None]:
    """One `repro` at a time; a second says who is at it, and waits."""
    paths.CELLS.mkdir(exist_ok=True)
    with (paths.CELLS / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(f"waiting: another make repro is at it ({file.read().strip()}); Ctrl-C to give up", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"pid {os.getpid()} since {time.strftime('%H:%M:%S')}")
        file.flush()
        yield


def study(options: argparse.Namespace) -> int:
    """Fill the cells of studies side by side, then let DVC write their figures."""
    plan = Plan(params.load())
    known, estimates = plan.params, Estimates(plan.params)
    if options.study and options.study not in known.studies:
        raise params.ParamsError(unknown("study", options.study, known.studies))
    named = {name: s.of for name, s in known.studies.items() if options.study in (None, name)}
    rows = {row: known.varied_rows[row].data for row in named.values() if row in known.varied_rows}
    jobs = options.jobs or runner.default_jobs(plan.profile.threads, plan.profile.devices)
    with _alone():
        missing = _unfinished(Run(jobs), {data: [plan.prepare(data)] for data in rows.values()})
        needed = [data for data in dict.fromkeys(rows.values()) if data not in missing]
        priced = [row for row in rows if row in known.experiments]  # of a row of no table nothing is known
        dear = {row: seconds for row in priced if (seconds := too_dear(plan, row, estimates)) is not None}
        wanted = [name for name, row in named.items() if row not in dear]
        there = [name for name in wanted if rows.get(named[name]) not in missing]
        unfinished = _unfinished(Run(jobs), {name: studies.cells(known, name) for name in there})
        unfinished += [name for name in wanted if name not in there]
        wanted = [name for name in wanted if name not in unfinished]
        stages = [f"studies/dvc.yaml:{stage}" for stage in (*(f"study@{name}" for name in wanted), "study_report")]
        for folder in (paths.ROOT / "data" / "prepared", paths.study(known.profile, "").parent):
            folder.mkdir(parents=True, exist_ok=True)
        code = _run_dvc("repro", *(f"prepare@{data}" for data in needed)) if needed else 0
        code = code or _run_dvc("repro", "--single-item", *stages)
    for row, seconds in dear.items():
        print(f"not run here: studies of {row}, which takes about {spoken(seconds)} a seed")
    if unfinished:
        print(f"not finished, and not drawn anew: {', '.join(unfinished)}", file=sys.stderr)
    print(f"report: {paths.study_reports(known.profile).relative_to(paths.ROOT)}/studies.html")
    return code or (1 if unfinished else 0)


def fill(options: argparse.Namespace) -> int:
    """Cells alone, without DVC, MLflow or Optuna: what a GPU machine runs for `make import-cells` elsewhere."""
    plan = Plan(params.load())
    chosen = Selection(plan, options.experiment, options.data)
    jobs = options.jobs or runner.default_jobs(plan.profile.threads, plan.profile.devices)
    Run(jobs).fill(chosen.prepared())
    made = Run(jobs, chosen.estimates.seconds).fill(chosen.cells())
    print(f"{len(made)} cells made in {paths.CELLS.name}/")
    return 0


def why(options: argparse.Namespace) -> int:
    """What would run and for how long; computes nothing."""
    plan = Plan(params.load())
    chosen = Selection(plan, options.experiment, options.data)
    print(
        explain(
            chosen.cells(),
            chosen.estimates,
            options.jobs or runner.default_jobs(plan.profile.threads, plan.profile.devices),
        )
    )
    for key, seconds in chosen.skipped.items():
        print(f"not run here: {key}, about {spoken(seconds)} a seed, above cell_minutes {plan.profile.cell_minutes:g}")
    return 0


def import_cells(options: argparse.Namespace) -> int:
    copied, present = cells.import_from(Path(options.source))
    print(f"{copied} cells verified and copied, {present} already here; `make repro` takes them up")
    return 0


def audit(_: argparse.Namespace) -> int:
    """Rehash every finished cell."""
    damaged = 0
    count = 0
    for folder in cells.finished():
        count += 1
        try:
            cells.verify(folder)
        except CellError as error:
            damaged += 1
            print(error)
    print(json.dumps({"cells": count, "damaged": damaged}))
    return 1 if damaged else 0


def lr_range(options: argparse.Namespace) -> int:
    """Learning-rate range test of a row: its plot, and the rate that it suggests."""
    plan = Plan(params.load())
    if options.experiment not in plan.params.experiments:
        raise params.ParamsError(params.no_row(plan.params, options.experiment or ""))
    if plan.params.recipe_of(options.experiment).kind != "gradient":
        raise params.ParamsError(f"{options.experiment} is no network: there is no learning rate to test")
    cell = plan.train(options.experiment, plan.profile.seeds[0])
    with _alone():
        Run(1).fill(cell.inputs.values())
    from pipeline.data import dataset  # seconds of imports, and only now is it known that they are needed
    from pipeline.report import range_plot
    from pipeline.training import range_test

    data = dataset.load(
        cell.inputs["data"].folder, dict(cell.spec["budget"]), cell.spec["seed"], ("train", "validation")
    )
    start = cell.inputs["start"].folder if "start" in cell.inputs else None
    try:
        found = range_test.run(cell.resolved, data, start)
    except ValueError as error:
        raise params.ParamsError(f"{options.experiment}: {error}") from None
    path = paths.reports(plan.params.profile) / f"lr_range_{options.experiment}"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = range_plot.draw(path, f"{options.experiment}: learning-rate range test", found)
    lr = plan.params.recipe_of(options.experiment).lr  # type: ignore[union-attr]
    print(f"loss falls from {found.smooth[0]:.4g} to {min(found.smooth):.4g} within {len(found.rates)} updates")
    print(f"suggested lr {found.suggestion:.2g}, the row has {lr:g}; plot: {made.relative_to(paths.ROOT)}")
    return 0


def ui(options: argparse.Namespace) -> int:
    """MLflow over the project's store until Ctrl-C."""
    from pipeline.tracking.commands import ui_command

    print(f"http://127.0.0.1:{options.port}/?workflowType=machine_learning   (Ctrl-C ends it)", flush=True)
    return _serve(ui_command(options.port))


def serve(options: argparse.Namespace) -> int:
    """Answer POST /invocations with a registered model until Ctrl-C."""
    from pipeline.tracking.commands import serve_command

    print(f"POST http://127.0.0.1:{options.port}/invocations   (Ctrl-C ends it)", flush=True)
    return _serve(serve_command(options.model, options.port))


def _serve(words: list[str]) -> int:
    """Run a server that starts workers of its own, and end all of them with this process."""
    with subprocess.Popen(words, start_new_session=True, preexec_fn=lifeline.die_with_parent) as server:
        try:
            return server.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def _count(text: str) -> int | None:
    """A whole number above 0; an empty text, as make passes it, is none."""
    if text and not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text) if text else None


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline.cli", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, function in (("repro", repro), ("fill", fill), ("why", why)):
        command = commands.add_parser(name, help=(function.__doc__ or "").partition("\n")[0])
        command.add_argument("--experiment", default=None, type=lambda v: v or None)
        command.add_argument("--data", default=None, type=lambda v: v or None)
        command.add_argument("--jobs", default=None, type=_count)
        command.add_argument("--quiet", action="store_true")
        command.set_defaults(call=function)
    command = commands.add_parser("study", help=(study.__doc__ or "").partition("\n")[0])
    command.add_argument("--study", default=None, type=lambda v: v or None)
    command.add_argument("--jobs", default=None, type=_count)
    command.set_defaults(call=study)
    command = commands.add_parser("lr-range", help=(lr_range.__doc__ or "").partition("\n")[0])
    command.add_argument("--experiment", default=None)
    command.set_defaults(call=lr_range)
    command = commands.add_parser("import-cells", help="copy finished cells of another machine in, verified")
    command.add_argument("source")
    command.set_defaults(call=import_cells)
    command = commands.add_parser("ui", help="MLflow over the project's store, on loopback")
    command.add_argument("--port", type=int, default=5000)
    command.set_defaults(call=ui)
    command = commands.add_parser("serve", help="answer with a registered model, on loopback")
    command.add_argument("model")
    command.add_argument("--port", type=int, default=5001)
    command.set_defaults(call=serve)
    commands.add_parser("audit", help="rehash every finished cell").set_defaults(call=audit)
    options = parser.parse_args(words)
    return command_line.run(lambda: options.call(options))


if __name__ == "__main__":
    sys.exit(main())
