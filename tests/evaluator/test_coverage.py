"""Coverage of items, tail and users: by hand, by property, against sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics.coverage import (
    exposure_counts,
    item_coverage,
    relevant_positions,
    tail_coverage,
    user_coverage,
)

ITEMS = np.array([[1, 2], [1, 3], [0, 0]])
COUNTS = np.array([0, 8, 1, 1, 0])  # interactions_80: head = {1}, tail = {2, 3, 4}


@st.composite
def lists(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    n_items = draw(st.integers(3, 15))
    k = draw(st.integers(1, n_items - 1))
    n_users = draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items = np.stack([random.permutation(np.arange(1, n_items))[:k] for _ in range(n_users)])
    return np.where(random.random(items.shape) < 0.2, 0, items), n_items


def test_by_hand() -> None:
    groups = popularity_groups(COUNTS)
    assert exposure_counts(ITEMS, 5).tolist() == [0, 2, 1, 1, 0]
    assert item_coverage(ITEMS, 5) == 3 / 4
    assert tail_coverage(ITEMS, groups) == 2 / 3


def test_empty_tail_and_empty_lists_give_zero() -> None:
    assert tail_coverage(np.array([[1]]), popularity_groups(np.array([0, 3]))) == 0.0
    assert item_coverage(np.zeros((2, 3), dtype=int), 5) == 0.0
    assert item_coverage(np.zeros((0, 3), dtype=int), 5) == 0.0


def test_user_coverage_by_hand() -> None:
    # Held out: user 0 {2, 4}, user 1 {4}, user 2 {1}; only user 0 has a hit.
    hits = user_coverage(ITEMS, np.array([0, 2, 3, 4]), np.array([2, 4, 4, 1]), 5)
    assert hits.tolist() == [1.0, 0.0, 0.0]


def test_users_without_held_out_items_have_no_hit() -> None:
    assert user_coverage(ITEMS, np.zeros(4, dtype=int), np.zeros(0, dtype=int), 5).tolist() == [0, 0, 0]
    assert user_coverage(ITEMS, np.array([0, 0, 1, 1]), np.array([3]), 5).tolist() == [0, 1, 0]


@given(lists(), st.integers(0, 2**32 - 1))
def test_agrees_with_sets_and_ignores_the_order_of_users(case: tuple[np.ndarray, int], seed: int) -> None:
    items, n_items = case
    random = np.random.default_rng(seed)
    counts = random.integers(0, 9, n_items)
    groups = popularity_groups(counts)
    union = set(items.ravel().tolist()) - {0}
    tail = set(np.flatnonzero(groups.tail).tolist())
    assert item_coverage(items, n_items) == pytest.approx(len(union) / (n_items - 1))
    assert tail_coverage(items, groups) == pytest.approx(len(union & tail) / max(len(tail), 1))
    assert item_coverage(random.permutation(items), n_items) == item_coverage(items, n_items)


@given(lists(), st.integers(0, 2**32 - 1))
def test_relevant_positions_agree_with_sets(case: tuple[np.ndarray, int], seed: int) -> None:
    items, n_items = case
    random = np.random.default_rng(seed)
    held = [np.flatnonzero(random.random(n_items - 1) < 0.3) + 1 for _ in items]
    indptr = np.concatenate([[0], np.cumsum([len(h) for h in held])])
    found = relevant_positions(items, indptr, np.concatenate(held).astype(int), n_items)
    expected = [[i in set(h.tolist()) for i in row] for row, h in zip(items.tolist(), held, strict=True)]
    assert found.tolist() == expected


def test_constant_recommender_covers_k_items() -> None:
    assert item_coverage(np.tile(np.arange(1, 6), (50, 1)), 101) == 5 / 100


@pytest.mark.parametrize(
    "items", [np.array([1, 2]), np.array([[1.0]]), np.array([[5]]), np.array([[-1]])], ids=str
)
def test_malformed_lists_are_refused(items: np.ndarray) -> None:
    with pytest.raises(DataError):
        item_coverage(items, 5)


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [([0, 1], [1]), ([0, 1, 1, 2], [1]), ([0, 2, 1, 1], [1]), ([0, 1, 1, 1], [0]), ([0, 1, 1, 1], [5])],
)
def test_malformed_rows_are_refused(indptr: list[int], indices: list[int]) -> None:
    with pytest.raises(DataError):
        user_coverage(ITEMS, np.array(indptr), np.array(indices), 5)
