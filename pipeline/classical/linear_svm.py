"""Linear support vector machine, by scikit-learn's binding of LIBLINEAR: for many items, and for text.

Fan, Chang, Hsieh, Wang, Lin (2008): LIBLINEAR: a library for large linear classification. Each class is told from all
others by squared hinge loss, and the largest decision value wins; `svm` decides between pairs of classes instead, and
keeps support vectors. Joachims (1998) on text.
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.svm import LinearSVC, LinearSVR

INPUTS = ("tabular",)
REQUIRES = (({"target": ("class", "number")}, "an item has one answer"),)
CHANCE = True  # the seed decides the order in which its solver goes through items
PROBABILISTIC = False
TRUSTED: list[str] = []
ESTIMATORS = {"class": LinearSVC, "number": LinearSVR}


def build(
    target: str,
    seed: int,
    class_weight: dict[int, float] | None,
    *,
    C: Annotated[float, Field(gt=0)] = 1.0,
    epsilon: Annotated[float, Field(ge=0)] = 0.1,
    steps: Annotated[int, Field(ge=1)] = 1000,
) -> Any:
    """An unfitted estimator for tables (N, F); scores are decision values or predicted numbers.

    epsilon: half the width of the tube of regression, in deviations of the target. steps: passes of the solver at most.
    """
    own: dict[str, dict[str, Any]] = {"class": {"class_weight": class_weight}, "number": {"epsilon": epsilon}}
    return ESTIMATORS[target](C=C, max_iter=steps, random_state=seed, **own[target])


def fit(estimator: Any, train: tuple[Any, np.ndarray], validation: tuple[Any, np.ndarray]) -> Any:
    return estimator.fit(*train)


def scores(estimator: Any, x: Any) -> np.ndarray:
    """(N, K) decision values of K classes, or (N, 1) predicted numbers, of a table (N, F)."""
    if isinstance(estimator, LinearSVR):
        return np.asarray(estimator.predict(x)).reshape(-1, 1)
    values = estimator.decision_function(x)
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values


def arrays(estimator: Any) -> dict[str, np.ndarray]:
    return {"weights": estimator.coef_, "intercept": np.atleast_1d(estimator.intercept_)}


def flops(estimator: Any) -> int:
    """Operations of one prediction: a product and a sum a weight."""
    return int(2 * estimator.coef_.size)
