"""What gives a trial up before its last epoch, asked whenever it pauses: Optuna's pruners.

median: worse than half of the earlier trials at the same epoch. successive_halving: not in the better half of those
that came so far (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"). hyperband: the same in
several brackets, which begin to give up at different epochs (Li et al. 2018). patience: median, and no better than
before it paused the last time.
"""

import warnings

import optuna
from optuna.pruners import BasePruner

from pipeline.search.samplers import STARTUP


def pruner(name: str, rungs: list[int]) -> BasePruner:
    """name: of `Space`. rungs: the epochs after which a trial pauses; the last is all of them."""
    first, last = rungs[0], rungs[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        median = optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
        match name:
            case "median":
                return median
            case "successive_halving":
                return optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=2)
            case "hyperband":
                return optuna.pruners.HyperbandPruner(min_resource=first, max_resource=last, reduction_factor=2)
            case "patience":
                return optuna.pruners.PatientPruner(median, patience=1)
            case _:
                return optuna.pruners.NopPruner()
