"""Searches on LCBench: how good the best network is that each has found, by the epochs that it has trained.

    LCBENCH=folder make bench ONLY=search

The search of `make sweep` against Optuna's default sampler without a pruner and with Hyperband, random search, and one
epoch of each followed by whole trainings of the best (Egele et al. 2023, arXiv:2307.15422). Tasks that nothing was
designed on, no warm starts. Regret: (reference - found) / (reference - median of random ones after one epoch), of the
best validation accuracy after any epoch. Runs are kept in .bench/search, a file a task, and are not made again.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from bench.figures import Figure
from bench.lcbench import EPOCHS, ORDER, LCBench
from bench.scratch import ROOT
from bench.search_table import TRAININGS, figures
from pipeline.search.freeze_thaw import Curve, choose
from pipeline.search.space import rungs_of

SEEDS = 20
KEPT = ROOT / ".bench" / "search"
BEST = 3  # that are trained whole after one epoch of each
WORKERS = int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))

Trained = Iterator[tuple[float, bool]]  # an epoch: accuracy after it, and whether it was the last of its trial


def measure() -> Iterator[Figure]:
    """Nothing where LCBENCH names no folder."""
    if not (folder := os.environ.get("LCBENCH")):
        print("search: LCBENCH is not set; give the folder of LCBench's surrogate network, see bench/lcbench.py")
        return
    KEPT.mkdir(parents=True, exist_ok=True)
    tasks = LCBench(Path(folder)).tasks
    with ProcessPoolExecutor(WORKERS) as pool:
        runs = [run for found in pool.map(partial(runs_of, folder=folder), tasks) for run in found]
    yield from figures(runs)


def runs_of(task: str, folder: str) -> list[dict[str, Any]]:
    """Of all methods and seeds on one task: {task, seed, method, budget, found, whole}, the last two being regrets by
    the epoch that brought them, after any epoch and of whole trainings alone."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept = KEPT / f"{task}.jsonl"
    if not kept.is_file():
        bench = LCBench(Path(folder))
        worst, best = bench.reference(task)
        lines = []
        for method, trained in METHODS.items():
            for seed in range(SEEDS):
                for budget in BUDGETS.get(method, [TRAININGS]):
                    epochs = islice(trained(bench, task, seed, budget), budget * EPOCHS)
                    steps = _steps(epochs, worst, best)
                    lines.append({"task": task, "seed": seed, "method": method, "budget": budget, **steps})
        draft = kept.with_suffix(".draft")
        draft.write_text("".join(json.dumps(line) + "\n" for line in lines))
        draft.replace(kept)
    return [json.loads(line) for line in kept.read_text().splitlines()]


def _steps(trained: Trained, worst: float, best: float) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {"found": [], "whole": []}
    for epoch, (accuracy, last) in enumerate(trained, 1):
        regret = (best - accuracy) / (best - worst)
        for steps in (found["found"], found["whole"]) if last else (found["found"],):
            if not steps or regret < steps[-1][1]:
                steps.append((epoch, round(regret, 6)))
    return found


def _optuna(sampler: type[BaseSampler], pruner: BasePruner, bench: LCBench, task: str, seed: int, _: int) -> Trained:
    study = optuna.create_study(direction="maximize", sampler=sampler(seed=seed), pruner=pruner)  # type: ignore[call-arg]
    while True:
        trial = study.ask()
        curve = bench.curve(task, [_suggested(trial, bench, name) for name in ORDER])
        for epoch, accuracy in enumerate(curve, 1):
            yield float(accuracy), epoch == EPOCHS
            if epoch < EPOCHS and not isinstance(pruner, NopPruner):
                trial.report(float(accuracy), epoch)
                if trial.should_prune():
                    study.tell(trial, state=TrialState.PRUNED)
                    break
        else:
            study.tell(trial, float(curve[-1]))


def _suggested(trial: Trial, bench: LCBench, name: str) -> float:
    axis = bench.cube.axes[name]
    assert axis.low is not None and axis.high is not None
    if axis.whole:
        return trial.suggest_int(name, int(axis.low), int(axis.high), log=axis.log)
    return trial.suggest_float(name, axis.low, axis.high, log=axis.log)


def _one_epoch(bench: LCBench, task: str, seed: int, budget: int) -> Trained:
    """As many as leave BEST whole trainings, an epoch each; then the best of them to the end."""
    points = np.random.default_rng(seed).random(((budget - BEST) * EPOCHS + BEST, len(ORDER)))
    first = bench.accuracy(task, points, np.ones(len(points)))
    for accuracy in first:
        yield float(accuracy), False
    for point in points[np.argsort(-first, kind="stable")[:BEST]]:
        for epoch, accuracy in enumerate(bench.curve(task, list(bench.cube.values(point).values()))[1:], 2):
            yield float(accuracy), epoch == EPOCHS


def _freeze_thaw(bench: LCBench, task: str, seed: int, budget: int) -> Trained:
    """With the very function that a sweep asks."""
    rungs, fitted = rungs_of(EPOCHS), dict[str, Any]()
    trials, truth, spent = list[Curve](), list[Any](), 0
    while choice := choose(trials, bench.cube, rungs, budget * EPOCHS - spent, seed, fitted):
        number = choice.trial
        if number is None:
            number = len(trials)
            trials.append(Curve(choice.point, {}, 0))
            truth.append(bench.curve(task, list(bench.cube.values(choice.point).values())))
        before, accuracies = trials[number], truth[number]
        for epoch in range(before.until, choice.epoch):
            yield float(accuracies[epoch]), epoch + 1 == EPOCHS
        spent += choice.epoch - before.until
        seen = {**before.seen, choice.epoch: float(accuracies[choice.epoch - 1])}
        trials[number] = Curve(choice.point, seen, choice.epoch)


METHODS: dict[str, Callable[[LCBench, str, int, int], Trained]] = {
    "freeze-thaw": _freeze_thaw,
    "TPE": partial(_optuna, TPESampler, NopPruner()),
    "TPE and Hyperband": partial(_optuna, TPESampler, HyperbandPruner(min_resource=1, max_resource=EPOCHS)),
    "one epoch": _one_epoch,
    "random": partial(_optuna, RandomSampler, NopPruner()),
}
BUDGETS = {"one epoch": [5, 10, 20, 40]}  # it has to know its budget beforehand
