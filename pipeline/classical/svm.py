"""Soft-margin support vector machine (Cortes & Vapnik 1995), by scikit-learn's binding of LIBSVM.

Several classes are decided one against one, as LIBSVM does, with ties broken by the decision values.
"""

from typing import Annotated, Any, Literal

from pydantic import Field
from sklearn.svm import SVC

INPUTS = ("tabular",)
# What `skops` may construct when a model is read back: types that this file's estimator holds beyond its defaults.
TRUSTED: list[str] = []


def build(
    seed: int,
    class_weight: dict[int, float] | None,
    *,
    C: Annotated[float, Field(gt=0)] = 1.0,
    kernel: Literal["linear", "rbf", "poly", "sigmoid"] = "rbf",
    gamma: Literal["scale", "auto"] = "scale",
    degree: Annotated[int, Field(ge=1)] = 3,
) -> Any:
    """An unfitted estimator for tables (N, F); scores are decision values, not probabilities."""
    return SVC(
        C=C,
        kernel=kernel,
        gamma=gamma,
        degree=degree,
        class_weight=class_weight,
        break_ties=True,
        cache_size=500,
        random_state=seed,
    )


def parameters(estimator: Any) -> int:
    """Numbers that a prediction needs: support vectors, dual coefficients and intercepts."""
    return int(estimator.support_vectors_.size + estimator.dual_coef_.size + estimator.intercept_.size)


def flops(estimator: Any) -> int:
    """Operations of one prediction: a kernel value a support vector, a weighted sum a pair of classes."""
    vectors, features = estimator.support_vectors_.shape
    return int(vectors * features * (2 if estimator.kernel == "linear" else 3) + 2 * estimator.dual_coef_.size)
