"""Support vector machine (Cortes & Vapnik 1995), by scikit-learn's binding of LIBSVM.

Its time grows with the square of the items; `linear_svm` is for many of them and for text. Several classes are decided
one against one, as LIBSVM does, with ties broken by the decision values. Numbers are fitted
by epsilon-insensitive regression (Drucker et al. 1996). The power kernel -|x - y|^p (Sahbi & Fleuret 2004) is
conditionally positive definite, which suffices here.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from scipy.spatial.distance import cdist
from sklearn.svm import SVC, SVR

from pipeline.classical._sparse import parts

INPUTS = ("tabular",)
REQUIRES = (({"target": ("class",)}, "there is no hard margin of numbers", {"margin": "hard"}),)
CHANCE = False  # the seed decides nothing
PROBABILISTIC = False
# What `skops` may construct when a model is read back: types that this file's estimator holds beyond its defaults.
TRUSTED = ["scipy.sparse._csr.csr_matrix"]  # of text: arrays alone
ESTIMATORS = {"class": SVC, "number": SVR}
HARD = 1e10  # C of a hard margin: no item is worth an error
STEPS = 1_000_000  # of a hard margin: where there is no solution, LIBSVM would look for it for ever
MOST_ITEMS = 20_000  # of the power kernel, whose matrix is kept whole: 3.2 GB


def build(
    target: str,
    seed: int,
    class_weight: dict[int, float] | None,
    *,
    C: Annotated[float, Field(gt=0)] = 1.0,
    margin: Literal["soft", "hard"] = "soft",
    kernel: Literal["linear", "rbf", "poly", "sigmoid", "power"] = "rbf",
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0)] = "scale",
    degree: Annotated[int, Field(ge=1)] = 3,
    coef0: float = 0.0,
    power: Annotated[float, Field(gt=0, le=2)] = 1.0,
    epsilon: Annotated[float, Field(ge=0)] = 0.1,
) -> Any:
    """An unfitted estimator for tables (N, F); scores are decision values or predicted numbers.

    margin: `hard` ignores C, allows no error on the training items, and fails where they can't be separated. gamma: of
    rbf, poly and sigmoid. degree: of poly. coef0: of poly and sigmoid. power: p of the power kernel. epsilon: half the
    width of the tube of regression, in deviations of the target.
    """
    options: dict[str, Any] = {"kernel": "precomputed" if kernel == "power" else kernel, "gamma": gamma}
    options |= {"degree": degree, "coef0": coef0, "cache_size": 500, "C": HARD if margin == "hard" else C}
    steps = STEPS if margin == "hard" else -1
    own: dict[str, dict[str, Any]] = {
        "class": {"class_weight": class_weight, "random_state": seed, "max_iter": steps, "break_ties": True},
        "number": {"epsilon": epsilon},
    }
    estimator = ESTIMATORS[target](**options, **own[target])
    estimator.power, estimator.margin = power if kernel == "power" else None, margin
    return estimator


def fit(estimator: Any, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> Any:
    """ValueError where a hard margin is asked for and the training items can't be separated."""
    x, y = train
    if estimator.power is None:
        estimator.fit(x, y)
    else:
        if not isinstance(x, np.ndarray):
            raise ValueError("svm: kernel 'power' takes no sparse table such as text; use 'linear' or 'rbf'")
        if len(x) > MOST_ITEMS:
            raise ValueError(f"svm: kernel 'power' takes up to {MOST_ITEMS:,} items, not {len(x):,}; use 'rbf'")
        estimator.fit(_kernel(x, x, estimator.power), y)
        estimator.vectors_ = x[estimator.support_]
    if estimator.margin == "hard":
        wrong = int((scores(estimator, x).argmax(1) != y).sum())
        if wrong or estimator.fit_status_:
            raise ValueError(
                f"svm: no hard margin separates the training items: {wrong} of {x.shape[0]} stay on the wrong side "
                f"with kernel {estimator.kernel!r} after {STEPS:,} steps; use margin 'soft' or another kernel"
            )
    return estimator


def scores(estimator: Any, x: np.ndarray) -> np.ndarray:
    """(N, K) decision values of K classes, or (N, 1) predicted numbers, of a table (N, F)."""
    values = _values(estimator, x) if estimator.power is None else _from_vectors(estimator, x)
    if isinstance(estimator, SVC) and values.ndim == 1:
        return np.stack([-values, values], axis=1)  # of two classes there is one value, positive for the second
    return values.reshape(x.shape[0], -1)


def arrays(estimator: Any) -> dict[str, np.ndarray]:
    """What a prediction needs: support vectors, dual coefficients and intercepts."""
    kept = parts("vectors", _vectors(estimator)) | parts("dual", estimator.dual_coef_)
    return kept | {"intercept": estimator.intercept_}


def flops(estimator: Any) -> int:
    """Operations of one prediction: a kernel value a support vector, a weighted sum a pair of classes."""
    size = _vectors(estimator).size  # of a sparse matrix, what is not zero
    return int(size * (2 if estimator.kernel == "linear" else 3) + 2 * estimator.dual_coef_.size)


def _values(estimator: Any, x: np.ndarray) -> np.ndarray:
    return estimator.decision_function(x) if isinstance(estimator, SVC) else estimator.predict(x)


def _from_vectors(estimator: Any, x: np.ndarray, batch: int = 500) -> np.ndarray:
    """LIBSVM wants a kernel value for each training item, but looks only at those of support vectors."""
    parts = []
    for start in range(0, len(x), batch):
        rows = x[start : start + batch]
        kernel = np.zeros((len(rows), estimator.shape_fit_[0]))
        kernel[:, estimator.support_] = _kernel(rows, estimator.vectors_, estimator.power)
        parts.append(_values(estimator, kernel))
    return np.concatenate(parts)


def _kernel(a: np.ndarray, b: np.ndarray, power: float) -> np.ndarray:
    return -(cdist(a, b) ** power)


def _vectors(estimator: Any) -> np.ndarray:
    return estimator.support_vectors_ if estimator.power is None else estimator.vectors_
