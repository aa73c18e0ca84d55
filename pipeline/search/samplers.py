"""What chooses the values of the next trial: Optuna's samplers, seeded so that a sweep that was stopped goes on as it
would have.

random: each value by itself. quasi_random: Sobol's sequence, which fills a space more evenly. tpe: a tree-structured
Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"), multivariate and with a constant
liar for trials that still run, both Optuna's defaults since version 5. gp: expected improvement of a Gaussian process.
nsga2: a genetic algorithm (Deb et al. 2002), for searches of hundreds of trials.
"""

import warnings

import optuna
from optuna.samplers import BaseSampler

# Random trials before the first modelled one; Optuna's 10 would be most of a small sweep.
STARTUP = 5


def sampler(name: str, seed: int, asked: int) -> BaseSampler:
    """name: of `Space`. seed: of the search. asked: how many trials there are.

    A sampler that keeps its place in the storage has one seed for all trials, the others one for each.
    """
    own = (1000 * seed + asked) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match name:
            case "random":
                return optuna.samplers.RandomSampler(seed=own)
            case "quasi_random":
                return optuna.samplers.QMCSampler(seed=seed, scramble=True)
            case "gp":
                return optuna.samplers.GPSampler(seed=own, n_startup_trials=STARTUP)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(seed=own)
            case _:
                return optuna.samplers.TPESampler(seed=own, n_startup_trials=STARTUP)
