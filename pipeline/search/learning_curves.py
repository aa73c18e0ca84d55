"""What trials would reach if they were trained to the end: a Gaussian process over (values, epochs)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.stats import norm

Array = NDArray[np.float64]
NEW = -1  # instead of a trial, for values that no trial has
GROWTH = 1.2  # parameters are fitted again when there are so many times more observations
ITERATIONS = 25  # of a fit, which goes on from the last one's end
LEAST_NOISE = 1e-6
# Of the logarithm of each parameter, the most probable and its standard deviation. Length scales of the values, then:
# alike and its fading, own and its fading, common, noise.
LENGTH = (np.log(0.5), 1.0)
OTHERS = [(0.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (-5.0, 1.5)]


class LearningCurves:
    """A posterior, in units of standard deviations of what was observed.

    The covariance of two observations is a sum of four. One is the greater the more alike their values (Matern 5/2, a
    length scale for each dimension) and the nearer their epochs (exponential in the logarithm). The second is of a
    trial's own, which no other values tell. The third is of the epochs alone, since all curves rise. The last is noise.
    Parameters are those of the greatest posterior density.
    """

    def __init__(
        self,
        points: Array,
        observed: Sequence[tuple[int, int, float]],
        last: int,
        fitted: dict[str, Any],
    ) -> None:
        """points: (N, D), of all trials, in the unit cube. observed: (trial, epoch, value). last: the epoch that is
        predicted. fitted: parameters of an earlier fit and its number of observations, or empty; changed where they are
        fitted again."""
        trials, epochs, values = zip(*observed, strict=True)
        self.points, self.last = points, last
        self.trials, self.times = np.array(trials), self._times(epochs)
        self.values = (np.array(values) - np.mean(values)) / (np.std(values) or 1.0)
        self.best = float(self.values.max())
        prior = np.array([*[LENGTH] * points.shape[1], *OTHERS])
        if not fitted or len(values) >= GROWTH * fitted["observations"]:
            start = np.array(fitted.get("parameters", prior[:, 0]))
            fitted.update(observations=len(values), parameters=self._fit(start, prior))
        parameters = np.exp(fitted["parameters"])
        self.scales, self.shares = parameters[: -len(OTHERS)], parameters[-len(OTHERS) :]
        self._solve()

    def _times(self, epochs: Any) -> Array:
        """Logarithms of epochs: 0 for the first, 1 for the last."""
        return np.log(np.asarray(epochs, dtype=float)) / max(np.log(self.last), 1.0)

    def gain(self, trials: Sequence[int]) -> Array:
        """Expected improvement, at the last epoch, of each of the trials over the best value that was observed."""
        return self._gain(self.points[list(trials)], trials)

    def gain_of_new(self, points: Array) -> Array:
        """The same of a trial at each of the points (K, D)."""
        return self._gain(points, [NEW] * len(points))

    def believe(self, trials: Sequence[int]) -> None:
        """Take the trials as if they reached what is expected of them, so that others are chosen beside them."""
        if not trials:
            return
        expected, _ = self._predict(self.points[list(trials)], trials)
        self.trials = np.concatenate([self.trials, trials])
        self.times = np.concatenate([self.times, self._times([self.last] * len(trials))])
        self.values = np.concatenate([self.values, expected])
        self._solve()

    def _gain(self, points: Array, trials: Sequence[int]) -> Array:
        mean, deviation = self._predict(points, trials)
        above = (mean - self.best) / deviation
        return deviation * (above * norm.cdf(above) + norm.pdf(above))  # type: ignore[no-any-return]

    def _predict(self, points: Array, trials: Sequence[int]) -> tuple[Array, Array]:
        """(mean, standard deviation) at the last epoch, without noise."""
        alike, fading, own, own_fading, common, _ = self.shares
        distance = _distances(self.points[self.trials] / self.scales, points / self.scales)
        apart = np.abs(self.times - self._times(self.last))[:, None]
        same = self.trials[:, None] == np.array(trials)
        covariance = alike * _matern(distance) * np.exp(-apart / fading)
        covariance += own * same * np.exp(-apart / own_fading) + common * np.exp(-apart)
        explained = (solve_triangular(self.factor, covariance, lower=True) ** 2).sum(0)
        return covariance.T @ self.weights, np.sqrt(np.maximum(alike + own + common - explained, 1e-12))

    def _solve(self) -> None:
        alike, fading, own, own_fading, common, noise = self.shares
        points, apart, same = self.points[self.trials] / self.scales, self._apart, self._same
        covariance = alike * _matern(_distances(points, points)) * np.exp(-apart / fading)
        covariance += own * same * np.exp(-apart / own_fading) + common * np.exp(-apart)
        self.factor = cholesky(covariance + (noise + LEAST_NOISE) * np.eye(len(apart)), lower=True)
        self.weights = cho_solve((self.factor, True), self.values)

    @property
    def _apart(self) -> Array:
        return np.abs(self.times[:, None] - self.times)

    @property
    def _same(self) -> Array:
        return (self.trials[:, None] == self.trials).astype(float)

    def _fit(self, start: Array, prior: Array) -> list[float]:
        """Logarithms of the parameters, by L-BFGS from `start`."""
        points = self.points[self.trials].T
        squares = (points[:, :, None] - points[:, None, :]) ** 2
        apart, same, identity = self._apart, self._same, np.eye(len(self.values))

        def loss(logs: Array) -> tuple[float, Array]:
            """The negative logarithm of the posterior density but for a constant, and its gradient."""
            scales, (alike, fading, own, own_fading, common, noise) = (
                np.exp(logs[: -len(OTHERS)]),
                np.exp(logs[-len(OTHERS) :]),
            )
            distance = np.sqrt(5 * np.tensordot(scales**-2, squares, 1))
            near = alike * np.exp(-apart / fading)
            parts = near * _matern(distance), own * same * np.exp(-apart / own_fading), common * np.exp(-apart)
            try:
                factor = cholesky(sum(parts) + (noise + LEAST_NOISE) * identity, lower=True)
            except LinAlgError:
                return 1e10, np.zeros_like(logs)
            weights = cho_solve((factor, True), self.values)
            slope = 0.5 * (cho_solve((factor, True), identity) - np.outer(weights, weights))
            bend = slope * near * (5 / 3) * (1 + distance) * np.exp(-distance)
            first, second, third = (slope * part for part in parts)
            gradient = [*(np.tensordot(squares, bend) * scales**-2), first.sum(), (first * apart).sum() / fading]
            gradient += [second.sum(), (second * apart).sum() / own_fading, third.sum(), noise * np.trace(slope)]
            off = (logs - prior[:, 0]) / prior[:, 1]
            density = 0.5 * self.values @ weights + np.log(np.diag(factor)).sum() + 0.5 * off @ off
            return float(density), np.array(gradient) + off / prior[:, 1]

        bounds = [(-6.0, 4.0)] * self.points.shape[1] + [(-9.0, 4.0)] * len(OTHERS)
        options = {"maxiter": ITERATIONS}
        return list(map(float, minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x))


def _matern(distance: Array) -> Array:
    """distance: times the root of 5."""
    return (1 + distance + distance**2 / 3) * np.exp(-distance)  # type: ignore[no-any-return]


def _distances(a: Array, b: Array) -> Array:
    """Times the root of 5, between the rows of each."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(5 * np.maximum(squares, 0.0))  # type: ignore[no-any-return]
