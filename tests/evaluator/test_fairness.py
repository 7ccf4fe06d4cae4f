"""Parity between head and tail: by hand and by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics import fairness
from recbole_ext.evaluator.metrics.fairness import pairs_among, pop_reo, pop_rsp

GROUPS = popularity_groups(np.array([0, 8, 1, 1, 0]))  # head {1}, tail {2, 3, 4}
NOTHING = np.zeros(0, dtype=int)


def test_statistical_parity_by_hand() -> None:
    items = np.array([[1, 2], [1, 3]])
    # Without masking: head 2 of 2, tail 2 of 6: |1 - 1/3| / (1 + 1/3).
    assert pop_rsp(items, GROUPS) == pytest.approx(0.5)
    # User 0 has seen 3 (twice) and 4, user 1 has seen 4: tail 2 of 3.
    assert pop_rsp(items, GROUPS, np.array([0, 3, 4]), np.array([3, 3, 4, 4])) == pytest.approx(0.2)


def test_equal_opportunity_by_hand() -> None:
    items = np.array([[1, 2], [1, 3], [4, 2]])
    # Held out: user 0 {1, 3}, user 1 {3}, user 2 {1}. Head: 1 hit of 2, tail: 1 hit of 2.
    assert pop_reo(items, GROUPS, np.array([0, 2, 3, 4]), np.array([1, 3, 3, 1])) == 0.0
    # User 1 holds out 4 instead: tail 0 of 2, so the head has all.
    assert pop_reo(items, GROUPS, np.array([0, 2, 3, 4]), np.array([1, 3, 4, 1])) == 1.0
    # Head 1 of 1, tail 1 of 2: |1 - 1/2| / (3/2).
    assert pop_reo(items, GROUPS, np.array([0, 2, 3, 3]), np.array([1, 3, 3])) == pytest.approx(1 / 3)


def test_neutral_values() -> None:
    items = np.array([[1, 2], [1, 3]])
    all_tail = popularity_groups(np.zeros(5, dtype=int))
    assert pop_rsp(items, all_tail) == 0.0
    assert pop_rsp(np.array([[1]]), popularity_groups(np.array([0, 3]))) == 0.0
    assert pop_rsp(np.zeros((2, 2), dtype=int), GROUPS) == 0.0
    assert pop_reo(items, GROUPS, np.zeros(3, dtype=int), NOTHING) == 0.0
    assert pop_reo(items, GROUPS, np.array([0, 1, 2]), np.array([4, 4])) == 0.0
    # Nobody has a hit in either group.
    assert pop_reo(items[:, 1:], GROUPS, np.array([0, 2, 2]), np.array([1, 4])) == 0.0


def test_profiles_that_were_not_masked_are_refused() -> None:
    with pytest.raises(DataError, match="masked"):
        pop_rsp(np.array([[1, 2]]), GROUPS, np.array([0, 1]), np.array([1]))


def test_whole_catalogue_for_all_is_parity() -> None:
    items = np.tile(np.arange(1, 5), (3, 1))
    assert pop_rsp(items, GROUPS) == 0.0
    assert pop_reo(items, GROUPS, np.array([0, 2, 3, 4]), np.array([1, 3, 2, 1])) == 0.0


def test_only_head_or_only_tail_is_the_worst() -> None:
    assert pop_rsp(np.array([[1], [1]]), GROUPS) == 1.0
    assert pop_rsp(np.array([[2], [4]]), GROUPS) == 1.0


@given(st.integers(0, 2**32 - 1))
def test_bounds_and_permutation_of_users(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_items, n_users = int(random.integers(4, 12)), int(random.integers(1, 8))
    groups = popularity_groups(random.integers(0, 9, n_items))
    items = np.stack([random.permutation(np.arange(1, n_items))[:3] for _ in range(n_users)])
    held = random.integers(1, n_items, n_users)
    indptr, order = np.arange(n_users + 1), random.permutation(n_users)
    reo, rsp = pop_reo(items, groups, indptr, held), pop_rsp(items, groups)
    assert 0 <= reo <= 1
    assert 0 <= rsp <= 1
    assert pop_reo(items[order], groups, indptr, held[order]) == pytest.approx(reo)
    assert pop_rsp(items[order], groups) == pytest.approx(rsp)


@given(
    users=st.lists(st.lists(st.integers(1, 6), max_size=5), min_size=1, max_size=9),
    asked=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6))),
    users_a_block=st.integers(1, 4),
)
def test_pairs_among_the_items_of_users(
    users: list[list[int]], asked: list[tuple[int, int]], users_a_block: int
) -> None:
    asked = sorted((user, item) for user, item in asked if user < len(users))
    rows, items = np.array(asked, dtype=np.int64).reshape(-1, 2).T
    indptr = np.cumsum([0, *map(len, users)])
    indices = np.array([item for user in users for item in user], dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fairness, "_TABLE_ELEMENTS", 7 * users_a_block)
        found = pairs_among(rows, items, indptr, indices, 7)
    assert found.tolist() == [item in users[user] for user, item in asked]
