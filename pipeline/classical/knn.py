"""k nearest neighbours (Cover & Hart 1967), by scikit-learn: every training item is kept, every distance computed."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from pipeline.classical._sparse import parts

INPUTS = ("tabular",)
REQUIRES = (({"sampling": ("none", "balanced")}, "neighbours take no class weights"),)
CHANCE = False  # the seed decides nothing
PROBABILISTIC = False  # shares of k votes: 0 and 1 where all agree, which no probability is
TRUSTED = ["scipy.sparse._csr.csr_matrix"]  # of text: arrays alone
ESTIMATORS = {"class": KNeighborsClassifier, "number": KNeighborsRegressor}


def build(
    target: str,
    seed: int,
    class_weight: dict[int, float] | None,
    *,
    k: Annotated[int, Field(ge=1)] = 5,
    weights: Literal["uniform", "distance"] = "uniform",
    metric: Literal["euclidean", "manhattan", "minkowski"] = "euclidean",
    p: Annotated[float, Field(ge=1)] = 3.0,
) -> Any:
    """An unfitted estimator for tables (N, F); scores are shares of the votes, or predicted numbers.

    weights: neighbours vote alike, or by the inverse of their distance. p: the exponent of Minkowski's distance.
    """
    return ESTIMATORS[target](k, weights=weights, metric=metric, p=p if metric == "minkowski" else 2, algorithm="brute")


def fit(estimator: Any, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> Any:
    """ValueError where there are fewer training items than neighbours."""
    if (count := train[0].shape[0]) < estimator.n_neighbors:
        raise ValueError(f"knn: k is {estimator.n_neighbors}, but there are {count} training items")
    return estimator.fit(*train)


def scores(estimator: Any, x: np.ndarray) -> np.ndarray:
    """(N, K) or (N, 1) of a table (N, F)."""
    if isinstance(estimator, KNeighborsRegressor):
        return estimator.predict(x).reshape(-1, 1)
    return estimator.predict_proba(x)


def arrays(estimator: Any) -> dict[str, np.ndarray]:
    """The training items and their labels."""
    return parts("x", estimator._fit_X) | {"y": estimator._y}


def flops(estimator: Any) -> int:
    """Operations of one prediction: a difference, a product and a sum for each value of each training item."""
    return int(3 * estimator._fit_X.size)
