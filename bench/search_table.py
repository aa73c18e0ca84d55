"""What is told of the runs of bench/search.py: regrets, epochs to a goal, and a plot."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from bench.figures import RESULTS, Figure, alone
from bench.lcbench import EPOCHS

TRAININGS = 40  # whole ones of every search
AFTER = (5, 10, 20, 40)  # whole trainings, in the table
GOAL = 20  # whole trainings of Optuna's default, whose regret is to be reached
OURS, PEERS = "freeze-thaw", ("TPE", "TPE and Hyperband")
LIMIT = 0.75  # of the better peer's epochs
COLUMNS = ("method", "trainings", "regret", "low", "high", "regret of whole trainings")

Array = NDArray[np.float64]
Runs = list[dict[str, Any]]


def figures(runs: Runs) -> Iterator[Figure]:
    """Mean regrets, and epochs until the regret that Optuna's default has after GOAL trainings, median over tasks of it
    being each task's goal. Writes search.csv and search.png beside the figures."""
    methods = list(dict.fromkeys(run["method"] for run in runs))
    tasks, seeds = (len({run[name] for run in runs}) for name in ("task", "seed"))
    title = f"LCBench, {tasks} tasks, {seeds} seeds, 95 % interval over seeds"
    write([line for method in methods for line in lines(method, runs)], title)
    for key in ("found", "whole"):
        what = "" if key == "found" else ", whole trainings alone"
        for method in methods:
            for after in AFTER:
                values = [regret(run, after, key) for run in _of(runs, method, after)]
                mean, low, high = band(_of(runs, method, after), after, key)
                yield Figure(f"{method}: regret after {after}{what}", None, "mean, 95 %", len(values),
                             round(mean, 4), (round(low, 4), round(high, 4)), "", None)  # fmt: skip
        goals = {task: np.median([regret(r, GOAL, key) for r in _of(runs, PEERS[0], GOAL) if r["task"] == task])
                 for task in {run["task"] for run in runs}}  # fmt: skip
        spent = {m: [epochs(run, goals[run["task"]], key) for run in _of(runs, m, TRAININGS)] for m in (OURS, *PEERS)}
        medians = {method: float(np.median(values)) for method, values in spent.items()}
        for peer in PEERS:
            yield alone(f"{peer}: epochs to TPE's regret after {GOAL}{what}", spent[peer], "ep", None)
        best, ours = min(PEERS, key=medians.__getitem__), spent[OURS]
        yield Figure(
            f"{OURS}: epochs to TPE's regret after {GOAL}{what}",
            round(medians[OURS] / medians[best], 4),
            best,
            len(ours),
            medians[OURS],
            (min(ours), max(ours)),
            "ep",
            LIMIT if key == "found" else None,
        )


def _of(runs: Runs, method: str, trainings: int) -> Runs:
    """Of a method, those that had so many trainings at least, or just as many where each budget is a run of its own."""
    found = [run for run in runs if run["method"] == method]
    exact = [run for run in found if run["budget"] == trainings]
    return exact or [run for run in found if run["budget"] > trainings]


def regret(run: Mapping[str, Any], trainings: float, key: str) -> float:
    """After so many whole trainings' epochs; 1 where nothing was found yet."""
    return next((value for epoch, value in reversed(run[key]) if epoch <= trainings * EPOCHS), 1.0)


def epochs(run: Mapping[str, Any], goal: float, key: str) -> float:
    """Until the goal was reached; those of all trainings where it never was."""
    return float(next((epoch for epoch, value in run[key] if value <= goal), TRAININGS * EPOCHS))


def band(runs: Runs, trainings: float, key: str = "found") -> tuple[float, float, float]:
    """(mean over tasks and seeds, its 95 % confidence interval over seeds)."""
    seeds = sorted({run["seed"] for run in runs})
    means = [np.mean([regret(run, trainings, key) for run in runs if run["seed"] == seed]) for seed in seeds]
    half = student.ppf(0.975, len(seeds) - 1) * np.std(means, ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else 0.0
    return float(np.mean(means)), float(np.mean(means) - half), float(np.mean(means) + half)


def lines(method: str, runs: Runs) -> Iterator[dict[str, Any]]:
    budgets = sorted({run["budget"] for run in runs if run["method"] == method})
    for trainings in range(1, TRAININGS + 1) if budgets == [TRAININGS] else budgets:
        of = _of(runs, method, trainings)
        numbers = (*band(of, trainings), band(of, trainings, "whole")[0])
        yield dict(zip(COLUMNS, [method, trainings, *(round(number, 5) for number in numbers)], strict=True))


def write(table: Sequence[Mapping[str, Any]], title: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with (RESULTS / "search.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for method in dict.fromkeys(line["method"] for line in table):
        x, mean, low, high = (np.array([line[c] for line in table if line["method"] == method]) for c in COLUMNS[1:5])
        (drawn,) = axes.plot(x, mean, label=method, marker="o" if len(x) < TRAININGS else None)
        axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)
    axes.set(xlabel=f"trainings of {EPOCHS} epochs", ylabel="mean normalised regret", yscale="log")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    figure.savefig(RESULTS / "search.png", dpi=120)
    plt.close(figure)
