"""Freeze-thaw Bayesian optimization: which paused trial to train further, or which new values to begin with.

After Swersky, Snoek and Adams (2014), "Freeze-Thaw Bayesian Optimization". A trial pauses after a few epochs, and after
twice as many each time it goes on. A model of learning curves says what every trial, and any new values, would reach at
the end; the greatest expected improvement there is trained next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import qmc

from pipeline.search.cube import Array, Cube
from pipeline.search.learning_curves import LearningCurves

BEGIN = 5  # trials of a quasi-random sequence, before the first that the model chooses
ANYWHERE, NEAR = 512, 128  # new values that are looked at: all over the space, and near the best trials
BEST, STEP = 5, 0.1  # how many are the best, and how near is near


@dataclass(frozen=True)
class Curve:
    """A trial. point: (D,), of a cube. seen: its metric by epoch, larger is better. until: the epoch that it is, or is
    being, trained to. closed: whether it can't be trained further."""

    point: Array
    seen: dict[int, float]
    until: int
    closed: bool = False

    @property
    def running(self) -> bool:
        return not self.closed and self.until > max(self.seen, default=0)


@dataclass(frozen=True)
class Choice:
    """To be trained until `epoch`: the trial at that place of the list, or a new one at `point` where it is None."""

    trial: int | None
    point: Array
    epoch: int


def choose(
    curves: Sequence[Curve], cube: Cube, rungs: list[int], left: int, seed: int, fitted: dict[str, Any]
) -> Choice | None:
    """What to train next; None where nothing can be that `left` epochs are enough for and that was not tried before.

    Once less is left than a whole training takes, trials that can still be finished are, and no new one begins.
    fitted: what the model of curves keeps from call to call, of `LearningCurves`.
    """
    last = rungs[-1]
    ending = left < last
    paused = [i for i, c in enumerate(curves) if not c.closed and not c.running and c.until < last]
    paused = [i for i in paused if (last if ending else _next(rungs, curves[i])) - curves[i].until <= left]
    fresh = np.empty((0, cube.dimensions)) if ending else _fresh(curves, cube, seed)
    if not len(paused) + len(fresh):
        return None
    observed = [(i, epoch, value) for i, c in enumerate(curves) for epoch, value in sorted(c.seen.items())]
    if fresh.size and (len(curves) < BEGIN or not observed):
        return Choice(None, fresh[0], rungs[0])
    points = np.array([c.point for c in curves])
    model = LearningCurves(points, observed, last, fitted)
    model.believe([i for i, c in enumerate(curves) if c.running])
    gains = np.concatenate([model.gain(paused), model.gain_of_new(fresh)])
    best = int(gains.argmax())
    if best >= len(paused):
        return Choice(None, fresh[best - len(paused)], rungs[0])
    trial = paused[best]
    return Choice(trial, points[trial], _next(rungs, curves[trial]))


def _next(rungs: list[int], curve: Curve) -> int:
    return next(rung for rung in rungs if rung > curve.until)


def _fresh(curves: Sequence[Curve], cube: Cube, seed: int) -> Array:
    """Points that no trial has, (K, D): first of all the next of the sequence."""
    sequence = qmc.Sobol(cube.dimensions, seed=seed).random_base2(3)[len(curves) :]
    random = np.random.default_rng([seed, len(curves), sum(curve.until for curve in curves)])
    points = [sequence, random.random((ANYWHERE, cube.dimensions))]
    best = sorted((c for c in curves if c.seen), key=lambda c: -max(c.seen.values()))[:BEST]
    if best:
        around = np.array([curve.point for curve in best])[random.integers(len(best), size=NEAR)]
        points.append(around + random.normal(0.0, STEP, around.shape))
    found = cube.nearest(np.vstack(points))
    known = {curve.point.tobytes() for curve in curves}
    return found[[point.tobytes() not in known for point in found]]
