"""Trees as plain arrays, evaluated without scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting.boosting import Boosting, boosted, trees_of
from forecasting.forest import Trees, forest_of
from forecasting.training_rows import Rows

FEATURES = 6


def rows(*, count: int, seed: int) -> Rows:
    """Noisy rows with holes; what is missing tells something too, and one column knows few values."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, FEATURES))
    features[:, 3] = np.round(features[:, 3])
    target = features[:, 0] + features[:, 1] * features[:, 3] + random.normal(size=count)
    hidden = random.random(features.shape) < 0.2
    return Rows(np.where(hidden, np.nan, features), target + 2.0 * hidden[:, 2])


@pytest.fixture(scope="module")
def grown() -> tuple[list, Trees]:
    boosting = Boosting(trees=40, leaves=16, rows_in_a_leaf=20, features_tried=1.0)
    learnt = rows(count=4000, seed=1)
    regressors = [boosted(learnt, quantile=quantile, boosting=boosting, seed=3) for quantile in (0.1, 0.9)]
    return regressors, trees_of(regressors)


def test_it_predicts_what_scikit_learn_does(grown: tuple[list, Trees]) -> None:
    regressors, trees = grown
    fresh = rows(count=1000, seed=2).features
    found = forest_of(trees, features=FEATURES).predict(fresh)
    assert found == pytest.approx(np.array([each.predict(fresh) for each in regressors]), abs=1e-9)


def test_rows_on_a_threshold_go_as_in_scikit_learn(grown: tuple[list, Trees]) -> None:
    regressors, trees = grown
    at = np.unique(trees.threshold[np.isfinite(trees.threshold)])
    on_threshold = np.random.default_rng(4).choice(at, size=(500, FEATURES))
    found = forest_of(trees, features=FEATURES).predict(on_threshold)
    assert found == pytest.approx(np.array([each.predict(on_threshold) for each in regressors]), abs=1e-9)


def test_many_rows_are_predicted_as_each_alone(grown: tuple[list, Trees]) -> None:
    forest, some = forest_of(grown[1], features=FEATURES), rows(count=200, seed=5).features
    alone = np.hstack([forest.predict(row[None, :]) for row in some])
    assert forest.predict(some) == pytest.approx(alone, abs=1e-12)


def test_a_tree_of_one_leaf_is_a_number() -> None:
    nothing = np.zeros((1, 1, 1))
    trees = Trees(
        feature=nothing.astype(np.int16),
        threshold=nothing,
        left=nothing.astype(np.uint8),
        right=nothing.astype(np.uint8),
        missing_left=nothing.astype(bool),
        value=np.full((1, 1, 1), 0.25),
        baseline=np.array([1.0]),
    )
    assert forest_of(trees, features=2).predict(np.array([[np.nan, 3.0]])).tolist() == [[1.25]]


@pytest.mark.parametrize("field", ["left", "right"])
@pytest.mark.parametrize("child", ["beyond", "itself"])
def test_nodes_that_make_up_no_tree_are_refused(grown: tuple[list, Trees], field: str, child: str) -> None:
    trees = grown[1]
    nodes = getattr(trees, field).copy()
    parent = int(np.flatnonzero(nodes[1, 7])[1])
    nodes[1, 7, parent] = nodes.shape[2] if child == "beyond" else parent
    with pytest.raises(ValueError, match="tree"):
        forest_of(replace(trees, **{field: nodes}), features=FEATURES)


@pytest.mark.parametrize("feature", [-1, FEATURES])
def test_a_feature_that_is_not_there_is_refused(grown: tuple[list, Trees], feature: int) -> None:
    features = grown[1].feature.copy()
    features[0, 0, 0] = feature
    with pytest.raises(ValueError, match="feature"):
        forest_of(replace(grown[1], feature=features), features=FEATURES)
