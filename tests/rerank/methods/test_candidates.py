"""Candidate lists: checked, scaled, selected from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import DataError
from recbole_ext.rerank.methods.candidates import (
    Candidates,
    row_blocks,
    scaled_scores,
    top_positions,
)

INF = np.inf


@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 9),
    dtype=st.sampled_from([np.float32, np.float64, np.int64]),
)
@settings(max_examples=80, deadline=None)
def test_top_positions_equal_a_full_stable_sort(seed: int, k: int, dtype: Any) -> None:
    values = np.random.default_rng(seed).integers(0, 4, (6, 9)).astype(dtype)
    if dtype is not np.int64:
        values[values == 0] = -INF
    naive = [[j for _, j in sorted((-x, j) for j, x in enumerate(row))][:k] for row in values.tolist()]
    assert top_positions(values, k).tolist() == naive


def test_size_and_depth() -> None:
    lists = Candidates(np.array([[2, 1], [1, 0]]), np.array([[3.0, 1.0], [2.0, -INF]]))
    assert lists.counts().tolist() == [2, 1]
    assert (lists.n_users, lists.depth) == (2, 2)


@pytest.mark.parametrize(
    ("items", "scores", "message"),
    [
        ([[1, 2]], [[1.0]], r"must be two tables of one shape"),
        ([1, 2], [1.0, 0.5], r"must be two tables of one shape"),
        ([[1.0, 2.0]], [[1.0, 0.5]], r"give integers and real numbers"),
        ([[1, 2]], [["1", "2"]], r"give integers and real numbers"),
        ([[1, 2], [3, 4]], [[1.0, 0.5], [1.0, np.nan]], r"user row 1 has a score that is NaN"),
        ([[1, 2]], [[INF, 0.5]], r"user row 0 has a score that is NaN or \+infinity"),
        ([[1, -2]], [[1.0, 0.5]], r"negative item id"),
        ([[1, 0]], [[1.0, 0.5]], r"-inf exactly where there is no item"),
        ([[1, 2]], [[1.0, -INF]], r"-inf exactly where there is no item"),
        ([[0, 2]], [[-INF, 0.5]], r"has a gap"),
        ([[1, 2]], [[0.5, 1.0]], r"is not in order"),
        ([[1, 2, 1]], [[1.0, 0.5, 0.25]], r"one candidate twice"),
    ],
)
def test_malformed_candidates_are_refused(items: Any, scores: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Candidates(np.array(items), np.array(scores))


def test_scaling_by_hand() -> None:
    items = np.array([[1, 2, 3], [1, 2, 0], [4, 5, 6], [7, 0, 0], [0, 0, 0]])
    scores = np.array([[4.0, 1.0, 0.0], [9.0, 5.0, -INF], [2.0, 2.0, 2.0], [3.0, -INF, -INF], [-INF] * 3])
    expected = [[1.0, 0.25, 0.0], [1.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3, [0.0] * 3]
    assert scaled_scores(items, scores).tolist() == expected


def test_scaling_at_the_ends_of_the_float_range() -> None:
    largest = np.finfo(np.float64).max
    scores = np.array([[largest, 0.0, -largest], [5e-324, 0.0, -0.0]])
    with np.errstate(all="raise"):
        assert scaled_scores(np.array([[1, 2, 3]] * 2), scores).tolist() == [[1.0, 0.5, 0.0], [1.0, 0.0, 0.0]]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=8))
@settings(deadline=None)
def test_scaled_scores_stay_within_bounds_and_in_order(values: list[float]) -> None:
    scores = -np.sort(-np.array([values]))
    scaled = scaled_scores(np.arange(1, len(values) + 1)[None, :], scores)[0]
    assert scaled[0] == (1.0 if scores[0, 0] > scores[0, -1] else 0.0)
    assert scaled[-1] == 0.0
    assert (np.diff(scaled) <= 0).all()


def test_blocks_cover_every_row_once() -> None:
    assert [(b.start, b.stop) for b in row_blocks(7, 10, 30)] == [(0, 3), (3, 6), (6, 7)]
    assert [(b.start, b.stop) for b in row_blocks(2, 1000, 30)] == [(0, 1), (1, 2)]
    assert list(row_blocks(0, 10, 30)) == []
