"""Train one cell with processes that torchrun or srun started, on one machine or several.

    torchrun --nnodes 2 --nproc-per-node 4 --node-rank N --master-addr HOST -m pipeline.run.torchrun EXPERIMENT SEED
    srun --nodes 2 --ntasks-per-node 4 python -m pipeline.run.torchrun EXPERIMENT SEED

Each process trains on a GPU of its own, or on the processor where there is none. Each machine needs the project at the
same state and what the cell is trained from (`--inputs` makes it, and needs no torchrun); the first process alone
writes the cell, which every later command finds done.
"""

import argparse
import json
import os
import sys

from pipeline import paths
from pipeline.cells.cell import DEFAULT_EXECUTION, Cell, parsed
from pipeline.cells.provenance import commit
from pipeline.cells.store import execute, require_sound
from pipeline.config import loading
from pipeline.config.messages import unknown
from pipeline.data.spec import HIGHEST_SEED
from pipeline.run import invocation
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import TRAIN, Plan


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.run.torchrun", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("experiment")
    parser.add_argument("seed", type=int)
    parser.add_argument("--inputs", action="store_true", help="only what it is trained from, on this machine")
    options = parser.parse_args(words)
    return invocation.run(lambda: train(options.experiment, options.seed, options.inputs))


def train(experiment: str, seed: int, inputs: bool = False) -> int:
    """inputs: make what the cell is trained from, in this process alone, instead of training it."""
    plan = Plan(loading.load())
    if experiment not in plan.params.experiments:
        raise loading.ParamsError(unknown("experiment", experiment, plan.params.experiments))
    if not 0 <= seed <= HIGHEST_SEED:
        raise loading.ParamsError(f"seed {seed}: give a whole number from 0 to {HIGHEST_SEED}")
    cell = plan.train(experiment, seed)
    if cell.entry != TRAIN:
        raise loading.ParamsError(f"{experiment} is no network; `make fill EXPERIMENT={experiment}` fits it")
    if inputs:
        Run(executor(1)).fill(cell.inputs.values())
        return 0
    if missing := [parent for parent in cell.inputs.values() if not parent.complete]:
        raise loading.ParamsError(
            f"{experiment} needs {missing[0].kind} {missing[0].label} on this machine first: "
            f"`python -m pipeline.run.torchrun {experiment} {seed} --inputs`"
        )
    for parent in cell.inputs.values():
        require_sound(parent.folder)  # each machine has files of its own
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
        execution = (cell.execution or DEFAULT_EXECUTION).model_copy(update={"devices": 1})  # of each process
        inputs = {name: parent.folder for name, parent in cell.inputs.items()}
        if ranks.rank == 0:
            os.environ["LAB_COMMIT"] = json.dumps(commit())
            places = {name: str(path) for name, path in inputs.items()}
            execute(cell.key, cell.folder, cell.entry, cell.resolved, places, execution.model_dump())
            print(f"{cell.label}: {cell.folder.relative_to(paths.ROOT)}", flush=True)
        else:
            training.run(parsed(training.Spec, cell.resolved), cell.folder, inputs, execution)
    dist.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
