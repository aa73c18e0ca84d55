"""Train one cell with processes that torchrun or srun started, on one machine or several.

    torchrun --nnodes 2 --nproc-per-node 4 --node-rank N --master-addr HOST -m pipeline.nodes EXPERIMENT SEED
    srun --nodes 2 --ntasks-per-node 4 python -m pipeline.nodes EXPERIMENT SEED

Each process trains on a GPU of its own, or on the processor where there is none. Each machine needs the project at the
same state and what the cell is trained from (`--inputs` makes it, and needs no torchrun); the first process alone
writes the cell, which every later command finds done.
"""

import argparse
import json
import os
import sys

from pipeline import command_line, params, paths
from pipeline.cells import Cell, commit, order
from pipeline.plan import Plan
from pipeline.problems import unknown
from pipeline.runner import Run, RunError


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline.nodes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("experiment")
    parser.add_argument("seed", type=int)
    parser.add_argument("--inputs", action="store_true", help="only what it is trained from, on this machine")
    options = parser.parse_args(words)
    return command_line.run(lambda: train(options.experiment, options.seed, options.inputs))


def train(experiment: str, seed: int, inputs: bool = False) -> int:
    """inputs: make what the cell is trained from, in this process alone, instead of training it."""
    plan = Plan(params.load())
    if experiment not in plan.params.experiments:
        raise params.ParamsError(unknown("experiment", experiment, plan.params.experiments))
    cell = plan.train(experiment, seed)
    if cell.entry != "pipeline.training.train":
        raise params.ParamsError(f"{experiment} is no network; `make fill EXPERIMENT={experiment}` fits it")
    if inputs:
        Run(1).fill(cell.inputs.values())
        return 0
    if missing := [parent for parent in cell.inputs.values() if not parent.complete]:
        raise params.ParamsError(
            f"{experiment} needs {missing[0].kind} {missing[0].label} on this machine first: "
            f"`python -m pipeline.nodes {experiment} {seed} --inputs`"
        )
    _together(cell)
    return 0


def _together(cell: Cell) -> None:
    """In each of the processes: the first does the cell's work, the others theirs of it."""
    import torch.distributed as dist

    from pipeline.training import distributed
    from pipeline.training import train as training

    try:
        ranks = distributed.joined()
    except distributed.Unavailable as error:
        raise RunError(str(error)) from error
    if len(set(ranks.gather(cell.key))) > 1:
        raise RunError("the machines differ in code, parameters or prepared data; bring all to the same state")
    if not ranks.first(lambda: cell.complete):
        execution = {name: value for name, value in cell.execution.items() if name != "devices"}
        inputs = {name: parent.folder for name, parent in cell.inputs.items()}
        if ranks.rank == 0:
            os.environ["LAB_COMMIT"] = json.dumps(commit())
            order(cell.key, cell.folder, cell.entry, cell.resolved, {n: str(p) for n, p in inputs.items()}, execution)
            print(f"{cell.label}: {cell.folder.relative_to(paths.ROOT)}", flush=True)
        else:
            training.run({**cell.resolved, "execution": execution}, cell.folder, inputs)
    dist.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
