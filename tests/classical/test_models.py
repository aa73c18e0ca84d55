"""Classical models against scikit-learn used directly, and what their options mean."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from pipeline.classical import decision_tree, knn, svm


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(x), y


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(x), (y - y.mean()) / y.std()


def fit(module: Any, data: tuple[np.ndarray, np.ndarray], target: str = "class", **options: Any) -> Any:
    return module.fit(module.build(target, 0, None, **options), data, data)


# support vector machines


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "sigmoid"])
def test_svm_is_scikit_learn_s(kernel: str, iris: Any, diabetes: Any) -> None:
    ours = svm.scores(fit(svm, iris, kernel=kernel, C=2.0, coef0=0.5), iris[0])
    theirs = SVC(C=2.0, kernel=kernel, coef0=0.5).fit(*iris)
    np.testing.assert_allclose(ours, theirs.decision_function(iris[0]))
    ours = svm.scores(fit(svm, diabetes, "number", kernel=kernel, epsilon=0.2), diabetes[0])
    np.testing.assert_allclose(ours[:, 0], SVR(kernel=kernel, epsilon=0.2).fit(*diabetes).predict(diabetes[0]))


@pytest.mark.parametrize("target", ["class", "number"])
def test_the_power_kernel_is_minus_the_distance_to_a_power(target: str, iris: Any, diabetes: Any) -> None:
    x, y = iris if target == "class" else diabetes
    distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
    estimator = fit(svm, (x, y), target, kernel="power", power=1.5)
    theirs = (SVC if target == "class" else SVR)(kernel="precomputed").fit(-(distances**1.5), y)
    expected = theirs.predict(-(distances**1.5))
    found = svm.scores(estimator, x)
    np.testing.assert_allclose(found.argmax(1) if target == "class" else found[:, 0], expected, atol=1e-6)


def test_a_hard_margin_separates_with_the_widest_street() -> None:
    """Two points a class: the street's edges go through the nearest ones, and its width is their distance."""
    x, y = np.array([[0.0, 0.0], [-1.0, 0.5], [2.0, 0.0], [3.0, 1.0]]), np.array([0, 0, 1, 1])
    estimator = fit(svm, (x, y), kernel="linear", margin="hard")
    np.testing.assert_allclose(svm.scores(estimator, x)[[0, 2], 1], [-1.0, 1.0], atol=1e-3)
    assert 2 / np.linalg.norm(estimator.coef_) == pytest.approx(2.0, abs=1e-3)


def test_a_hard_margin_on_items_that_cannot_be_separated_is_refused() -> None:
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"no hard margin separates .*: \d of 4 .*use margin 'soft'"):
        fit(svm, (x, y), kernel="linear", margin="hard")
    assert (svm.scores(fit(svm, (x, y), kernel="rbf", margin="hard"), x).argmax(1) == y).all()


# nearest neighbours


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize(("metric", "p"), [("euclidean", 2), ("manhattan", 1), ("minkowski", 4)])
def test_knn_is_scikit_learn_s(weights: Any, metric: str, p: int, iris: Any, diabetes: Any) -> None:
    options: dict[str, Any] = {"k": 7, "weights": weights, "metric": metric, **({"p": 4.0} if p == 4 else {})}
    theirs = KNeighborsClassifier(7, weights=weights, p=p).fit(*iris)
    found = knn.scores(fit(knn, iris, **options), iris[0])
    np.testing.assert_allclose(found, theirs.predict_proba(iris[0]), atol=1e-6)
    theirs = KNeighborsRegressor(7, weights=weights, p=p).fit(*diabetes)
    found = knn.scores(fit(knn, diabetes, "number", **options), diabetes[0])
    np.testing.assert_allclose(found[:, 0], theirs.predict(diabetes[0]), atol=1e-6)


def test_knn_refuses_more_neighbours_than_items(iris: Any) -> None:
    with pytest.raises(ValueError, match="k is 200, but there are 150 training items"):
        fit(knn, iris, k=200)


# trees


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_a_tree_is_scikit_learn_s(criterion: str, iris: Any, diabetes: Any) -> None:
    ours = fit(decision_tree, iris, criterion=criterion, max_depth=3, min_leaf=2, max_leaves=6)
    options = {"max_depth": 3, "min_samples_leaf": 2, "max_leaf_nodes": 6, "random_state": 0}
    theirs = DecisionTreeClassifier(criterion=criterion, **options).fit(*iris)
    np.testing.assert_allclose(decision_tree.scores(ours, iris[0]), theirs.predict_proba(iris[0]), atol=1e-6)
    ours = fit(decision_tree, diabetes, "number", max_depth=3, min_leaf=2, max_leaves=6)
    expected = DecisionTreeRegressor(**options).fit(*diabetes).predict(diabetes[0])
    np.testing.assert_allclose(decision_tree.scores(ours, diabetes[0])[:, 0], expected)


def test_pruning_is_chosen_on_validation(diabetes: Any) -> None:
    x, y = diabetes
    train, validation = (x[:300], y[:300]), (x[300:], y[300:])
    grown = decision_tree.fit(decision_tree.build("number", 0, None), train, validation)
    pruned = decision_tree.fit(decision_tree.build("number", 0, None, pruning="validation"), train, validation)
    assert pruned.tree_.node_count < grown.tree_.node_count
    assert pruned.score(*validation) > grown.score(*validation)
    fixed = decision_tree.fit(
        decision_tree.build("number", 0, None, pruning=float(pruned.ccp_alpha)), train, validation
    )
    assert fixed.tree_.node_count == pruned.tree_.node_count
