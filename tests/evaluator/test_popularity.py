"""Popularity of lists against the catalogue and against the profiles: by hand and by property."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import UserGroups, popularity_groups
from recbole_ext.evaluator.metrics.popularity import (
    average_popularity,
    jensen_shannon,
    novelty,
    popularity_calibration,
    popularity_lift,
    popularity_lift_by_group,
    tail_share,
)

COUNTS = np.array([0, 8, 4, 2, 1, 1, 0])  # 16 interactions; interactions_80: 8 + 4 + 2 = 14 >= 12.8
ITEMS = np.array([[1, 4], [3, 6], [5, 0], [0, 0]])

seeds = st.integers(0, 2**32 - 1)


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lists, counts and profiles of one training set: the counts are those of the profiles."""
    random = np.random.default_rng(seed)
    n_items, n_users = int(random.integers(4, 20)), int(random.integers(1, 9))
    profiles = [
        random.permutation(np.arange(1, n_items))[: random.integers(0, n_items)] for _ in range(n_users)
    ]
    indices = np.concatenate(profiles).astype(int)
    indptr = np.concatenate([[0], np.cumsum([len(p) for p in profiles])])
    items = np.stack([random.permutation(np.arange(1, n_items))[:3] for _ in range(n_users)])
    return items, np.bincount(indices, minlength=n_items), indptr, indices


def test_tail_share_by_hand() -> None:
    # Tail = {4, 5, 6}. An unfilled position does not count, an empty list is 0.
    assert tail_share(ITEMS, popularity_groups(COUNTS)).tolist() == [0.5, 0.5, 1.0, 0.0]


def test_tail_share_of_all_tail_and_all_head() -> None:
    all_tail = popularity_groups(np.zeros(7, dtype=int))
    assert tail_share(ITEMS, all_tail).tolist() == [1.0, 1.0, 1.0, 0.0]
    all_head = popularity_groups(np.array([0, 3]))
    assert tail_share(np.array([[1]]), all_head).tolist() == [0.0]


def test_average_popularity_by_hand() -> None:
    assert average_popularity(ITEMS, COUNTS).tolist() == [4.5, 1.0, 1.0, 0.0]
    assert average_popularity(ITEMS, COUNTS, n_users=10).tolist() == pytest.approx([0.45, 0.1, 0.1, 0.0])


def test_novelty_by_hand() -> None:
    # users = 8: item 1 has 0 bits, item 4 has 3, item 3 has 2, item 6 (unseen) as with one interaction 3.
    assert novelty(ITEMS, COUNTS, 8).tolist() == pytest.approx([1.5, 2.5, 3.0, 0.0])


def test_no_users_is_refused() -> None:
    with pytest.raises(DataError, match="number of users"):
        novelty(ITEMS, COUNTS, 0)


def test_lift_by_hand() -> None:
    # Profiles: user 0 {1, 2} mean 6, user 1 {4} mean 1, user 2 none, user 3 {2} with an empty list.
    indptr, indices = np.array([0, 2, 3, 3, 4]), np.array([1, 2, 4, 2])
    # GAP_rec = (4.5 + 1) / 2 = 2.75, GAP_profile = (6 + 1) / 2 = 3.5
    assert popularity_lift(ITEMS, COUNTS, indptr, indices) == pytest.approx((2.75 - 3.5) / 3.5)
    groups = UserGroups(np.array([True, False, False, False]), np.array([False, False, True, False]))
    assert popularity_lift_by_group(ITEMS, COUNTS, indptr, indices, groups) == pytest.approx(
        {"all": -0.75 / 3.5, "heavy": (4.5 - 6) / 6, "light": 0.0}
    )


def test_lift_of_lists_equal_to_profiles_is_zero() -> None:
    items = np.array([[1, 2], [3, 4]])
    assert popularity_lift(items, COUNTS, np.array([0, 2, 4]), items.ravel()) == 0.0


def test_lift_without_any_profile_is_zero_and_foreign_counts_are_refused() -> None:
    assert popularity_lift(ITEMS, COUNTS, np.zeros(5, dtype=int), np.zeros(0, dtype=int)) == 0.0
    with pytest.raises(DataError, match="same training data"):
        popularity_lift(ITEMS, COUNTS, np.array([0, 1, 1, 1, 1]), np.array([6]))


def test_calibration_by_hand() -> None:
    # 10 items of one interaction: head = 1, 2; mid = 3..8; tail = 9, 10.
    counts = np.array([0, *[1] * 10])
    items = np.array([[1, 3], [9, 10], [1, 9], [1, 2]])
    indptr, indices = np.array([0, 2, 4, 6, 6]), np.array([4, 2, 1, 2, 3, 4])
    per_user = popularity_calibration(items, counts, indptr, indices)
    # Same shares; disjoint; disjoint; no profile.
    assert per_user.tolist() == pytest.approx([0.0, 1.0, 1.0, 0.0])
    half = popularity_calibration(np.array([[1, 3]]), counts, np.array([0, 1]), np.array([1]))
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4).
    expected = (math.log2(4 / 3) + 0.5 * math.log2(2 / 3) + 0.5 * math.log2(2)) / 2
    assert half.tolist() == pytest.approx([expected])


def test_divergence_agrees_with_scipy() -> None:
    p, q = np.random.default_rng(0).dirichlet([0.5, 0.5, 0.5], (2, 200))
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2, axis=1) ** 2, abs=1e-12)


@given(seeds)
def test_bounds_and_permutation_of_users(seed: int) -> None:
    items, counts, indptr, indices = random_case(seed)
    groups = popularity_groups(counts)
    order = np.random.default_rng(seed).permutation(len(items))
    rows = [indices[indptr[u] : indptr[u + 1]] for u in order]
    moved = np.concatenate([[0], np.cumsum([len(r) for r in rows])]), np.concatenate(rows).astype(int)
    share, arp = tail_share(items, groups), average_popularity(items, counts)
    calibration = popularity_calibration(items, counts, indptr, indices)
    assert ((share >= 0) & (share <= 1)).all()
    assert ((arp >= 0) & (arp <= counts.max())).all()
    assert ((calibration >= 0) & (calibration <= 1)).all()
    assert (novelty(items, counts, len(items)) >= 0).all()
    assert popularity_lift(items, counts, indptr, indices) >= -1
    assert popularity_lift(items[order], counts, *moved) == pytest.approx(
        popularity_lift(items, counts, indptr, indices)
    )
    assert popularity_calibration(items[order], counts, *moved) == pytest.approx(calibration[order])
    assert tail_share(items[order], groups) == pytest.approx(share[order])


@given(seeds)
def test_most_popular_lists_are_the_least_novel(seed: int) -> None:
    items, counts, _, _ = random_case(seed)
    top = np.tile(np.argsort(-counts[1:], kind="stable")[:3] + 1, (len(items), 1))
    assert (average_popularity(top, counts) >= average_popularity(items, counts) - 1e-9).all()
    assert (novelty(top, counts, len(items)) <= novelty(items, counts, len(items)) + 1e-9).all()
