"""Turns arrays of regression trees into their predictions, many rows and all trees at once."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forecasting.hours import Floats, Integers

MOST_LEAVES = 16

_AT_ONCE = 88
_EVERY_LEAF = np.uint16(0xFFFF)
_LOWEST_BIT = np.array([0, *((number & -number).bit_length() - 1 for number in range(1, 1 << MOST_LEAVES))], np.uint8)


@dataclass(frozen=True, slots=True)
class Trees:
    """`m` boosted models of `t` trees each, with up to `n` nodes, the first one the root.

    A row goes to `left` where its `feature` is at most `threshold`, else to `right`, by `missing_left` where it is
    nan. `left` and `right` are 0 at a leaf, which has its `value`. All are `(m, t, n)`; a prediction is `baseline`
    `(m,)` plus the values of the leaves reached.
    """

    feature: NDArray[np.int16]
    threshold: Floats
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    missing_left: NDArray[np.bool_]
    value: Floats
    baseline: Floats


@dataclass(frozen=True, slots=True)
class Forest:
    """The trees as bit masks, which are quicker to go by: up to 15 splits of each of `m * t` trees, `(s, m * t)`.

    A row that goes right at a split cannot end in the leaves to its left: `kept` has the bits of the others. Of the
    leaves that no split rules out, the leftmost is the row's. `column` counts the features twice, first with minus
    infinity for nan, which goes left, then with nan, which goes right. `leaf_value` is flat, 16 a tree, left to right.
    """

    column: Integers
    threshold: Floats
    kept: NDArray[np.uint16]
    leaf_value: Floats
    baseline: Floats

    def predict(self, rows: Floats) -> Floats:
        """The predictions `(m, r)` for the feature rows `(r, f)`, nan where a feature is not known."""
        found = np.empty((len(self.baseline), len(rows)))
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found[:, part] = self._sums(rows[part])
        return found

    def _sums(self, rows: Floats) -> Floats:
        missing = np.isnan(rows)
        columns = np.vstack([np.where(missing, -np.inf, rows).T, rows.T])
        remaining = np.full((self.column.shape[1], len(rows)), _EVERY_LEAF)
        value, is_left = np.empty(remaining.shape), np.empty(remaining.shape, dtype=np.bool_)
        for column, threshold, kept in zip(self.column, self.threshold, self.kept, strict=True):
            np.take(columns, column, axis=0, out=value, mode="clip")
            np.less_equal(value, threshold[:, None], out=is_left)
            remaining &= np.where(is_left, _EVERY_LEAF, kept[:, None])
        leaf = _LOWEST_BIT[remaining] + (MOST_LEAVES * np.arange(len(remaining)))[:, None]
        values = self.leaf_value[leaf].reshape(len(self.baseline), -1, len(rows))
        return self.baseline[:, None] + values.sum(axis=1)


def forest_of(trees: Trees, *, features: int) -> Forest:
    """The forest of trees that look at rows of so many features.

    Raises:
        ValueError: a node, a feature or the number of leaves is out of range, or nodes do not make up trees.
    """
    models, count, nodes = trees.feature.shape
    if not ((trees.feature >= 0) & (trees.feature < features)).all():
        raise ValueError("a feature is out of range")
    splits = np.full((MOST_LEAVES - 1, models * count), nodes, dtype=np.int64)
    kept = np.full(splits.shape, _EVERY_LEAF)
    leaves = np.full((models * count, MOST_LEAVES), nodes, dtype=np.int64)
    pairs = zip(trees.left.reshape(-1, nodes).tolist(), trees.right.reshape(-1, nodes).tolist(), strict=True)
    for number, (left, right) in enumerate(pairs):
        walk = _walked(left, right)
        splits[: len(walk.splits), number] = walk.splits
        kept[: len(walk.splits), number] = walk.kept
        leaves[number, : len(walk.leaves)] = walk.leaves
    goes_right = np.where(trees.missing_left, 0, features)
    return Forest(
        column=_by_node(trees.feature + goes_right, nodes=splits.T, beyond=0).T.astype(np.int64),
        threshold=_by_node(trees.threshold, nodes=splits.T, beyond=np.inf).T.copy(),
        kept=kept,
        leaf_value=_by_node(trees.value, nodes=leaves, beyond=0.0).ravel(),
        baseline=trees.baseline,
    )


_Number = TypeVar("_Number", bound=np.generic)


def _by_node(values: NDArray[_Number], *, nodes: Integers, beyond: float) -> NDArray[_Number]:
    """The values `(m, t, n)` at each tree's nodes `(m * t, k)`; `beyond` for the node after the last."""
    flat = values.reshape(len(nodes), -1)
    padded = np.concatenate([flat, np.full((len(flat), 1), beyond, dtype=flat.dtype)], axis=1)
    return np.take_along_axis(padded, nodes, axis=1)


@dataclass(frozen=True, slots=True)
class _Walk:
    """The nodes of a tree that split, the leaves' bits kept by going right at each, and the leaves from the left."""

    splits: list[int]
    kept: list[int]
    leaves: list[int]


def _walked(left: list[int], right: list[int]) -> _Walk:
    walk = _Walk([], [], [])
    _walk(0, walk, left=left, right=right, steps=len(left))
    return walk


def _walk(node: int, walk: _Walk, *, left: list[int], right: list[int], steps: int) -> None:
    """Adds what lies below `node`; a tree cannot be deeper than it has nodes."""
    if steps == 0 or len(walk.leaves) == MOST_LEAVES or node >= len(left):
        raise ValueError("nodes do not make up a tree")
    if not left[node] or not right[node]:
        walk.leaves.append(node)
        return
    first, at = len(walk.leaves), len(walk.splits)
    walk.splits.append(node)
    walk.kept.append(0)
    _walk(left[node], walk, left=left, right=right, steps=steps - 1)
    walk.kept[at] = 0xFFFF ^ ((1 << len(walk.leaves)) - (1 << first))
    _walk(right[node], walk, left=left, right=right, steps=steps - 1)
