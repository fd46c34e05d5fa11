"""Turns rows into boosted trees with scikit-learn, and these into plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from forecasting.forest import Trees
from forecasting.hours import Floats
from forecasting.training_rows import Rows

QUANTILES = (0.1, 0.5, 0.9)

Regressor = Any
"""scikit-learn's HistGradientBoostingRegressor, which has no types."""


@dataclass(frozen=True, slots=True)
class Boosting:
    """How trees are grown."""

    trees: int = 250
    learning_rate: float = 0.05
    leaves: int = 12
    rows_in_a_leaf: int = 150
    ridge: float = 5.0
    features_tried: float = 0.3


def boosted(rows: Rows, *, quantile: float, boosting: Boosting, seed: int) -> Regressor:
    """scikit-learn's regressor of that quantile, fitted; the same rows and seed give the same trees.

    Only training imports scikit-learn: it would take every process that forecasts half a second and 80 MB.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]

    regressor: Regressor = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=boosting.trees,
        learning_rate=boosting.learning_rate,
        max_leaf_nodes=boosting.leaves,
        min_samples_leaf=boosting.rows_in_a_leaf,
        l2_regularization=boosting.ridge,
        max_features=boosting.features_tried,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - it has no stubs, its default is a word
        random_state=seed,
    )
    with threadpool_limits(
        1
    ):  # only now: what limits threads has to be loaded. Two that wait for each other take longer
        return regressor.fit(rows.features, rows.target)


def trees_of(regressors: Sequence[Regressor]) -> Trees:
    """The trees of regressors with equally many iterations.

    scikit-learn 1.9 has no public way to its nodes; that they are read rightly is what tests compare with `predict`.
    """
    nodes = [[stage[0].nodes for stage in regressor._predictors] for regressor in regressors]  # noqa: SLF001
    most = max(len(tree) for model in nodes for tree in model)
    return Trees(
        feature=_padded(nodes, "feature_idx", most=most).astype(np.int16),
        threshold=_padded(nodes, "num_threshold", most=most),
        left=_padded(nodes, "left", most=most).astype(np.uint8),
        right=_padded(nodes, "right", most=most).astype(np.uint8),
        missing_left=_padded(nodes, "missing_go_to_left", most=most).astype(np.bool_),
        value=_padded(nodes, "value", most=most) * _padded(nodes, "is_leaf", most=most),
        baseline=np.array([float(np.ravel(regressor._baseline_prediction)[0]) for regressor in regressors]),  # noqa: SLF001
    )


def _padded(nodes: Sequence[Sequence[Any]], field: str, *, most: int) -> Floats:
    return np.array([[np.append(tree[field], np.zeros(most - len(tree))) for tree in model] for model in nodes])
