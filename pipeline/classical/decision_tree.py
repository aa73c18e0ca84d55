"""Decision tree (Breiman, Friedman, Olshen, Stone 1984: CART), by scikit-learn, for continuous features.

`pruning` is minimal cost-complexity pruning (its chapter 3); with `validation` its strength is chosen on the validation
items among the strengths at which the tree changes, 16 of them at most, and of equal ones the strongest.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

INPUTS = ("tabular",)
REQUIRES = (
    ({"criterion": ("default", "gini", "entropy")}, "that is for numbers", {"target": "class"}),
    ({"criterion": ("default", "squared_error", "absolute_error")}, "that is for classes", {"target": "number"}),
    ({"refit": (False,)}, "the data set's validation items stay in train", {"pruning": "validation"}),
)
PROBABILISTIC = False  # a leaf's shares: 0 and 1 where it is pure, which no probability is
TRUSTED = ["sklearn.tree._tree.Tree"]  # the tree itself, an object of arrays
CANDIDATES = 16
# By the task's target: the estimator, and its usual criterion.
ESTIMATORS = {"class": (DecisionTreeClassifier, "gini"), "number": (DecisionTreeRegressor, "squared_error")}


def build(
    target: str,
    seed: int,
    class_weight: dict[int, float] | None,
    *,
    criterion: Literal["default", "gini", "entropy", "squared_error", "absolute_error"] = "default",
    max_depth: Annotated[int, Field(ge=1)] | None = None,
    max_leaves: Annotated[int, Field(ge=2)] | None = None,
    min_leaf: Annotated[int, Field(ge=1)] = 1,
    pruning: Literal["none", "validation"] | Annotated[float, Field(ge=0)] = "none",
) -> Any:
    """An unfitted estimator for tables (N, F); scores are a leaf's class shares, or predicted numbers.

    criterion: gini and entropy are for classes, the others for numbers; the default is gini or squared_error. min_leaf:
    training items that a leaf has at least. pruning: none, a strength (alpha), or chosen on validation.
    """
    estimator, usual = ESTIMATORS[target]
    options: dict[str, Any] = {
        "criterion": usual if criterion == "default" else criterion,
        "max_depth": max_depth,
        "max_leaf_nodes": max_leaves,
        "min_samples_leaf": min_leaf,
        "ccp_alpha": 0.0 if isinstance(pruning, str) else pruning,
        "random_state": seed,
    }
    tree = estimator(**options) if class_weight is None else estimator(class_weight=class_weight, **options)
    tree.pruning = pruning
    return tree


def fit(estimator: Any, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> Any:
    """Grown, and pruned where that was asked for."""
    if estimator.pruning != "validation":
        return estimator.fit(*train)
    strengths = np.unique(estimator.cost_complexity_pruning_path(*train).ccp_alphas.clip(min=0))
    places = np.unique(np.linspace(0, len(strengths) - 1, CANDIDATES).round().astype(int))
    trees = [clone(estimator).set_params(ccp_alpha=strengths[place]).fit(*train) for place in places]
    return max(reversed(trees), key=lambda tree: tree.score(*validation))


def scores(estimator: Any, x: np.ndarray) -> np.ndarray:
    """(N, K) or (N, 1) of a table (N, F)."""
    if isinstance(estimator, DecisionTreeRegressor):
        return estimator.predict(x).reshape(-1, 1)
    return estimator.predict_proba(x)


def arrays(estimator: Any) -> dict[str, np.ndarray]:
    """Of each split its feature, threshold and two successors; of each leaf its values."""
    tree = estimator.tree_
    inner, leaf = tree.children_left >= 0, tree.children_left < 0
    places = {name: getattr(tree, name)[inner] for name in ("feature", "threshold", "children_left", "children_right")}
    return places | {"value": tree.value[leaf]}


def flops(estimator: Any) -> int:
    """Operations of one prediction: a comparison a level."""
    return max(1, int(estimator.get_depth()))
