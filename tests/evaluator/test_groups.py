"""Head and tail under the three rules, heavy and light users: by hand and by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.groups import (
    HEAD_RULES,
    UserGroups,
    group_means,
    most_popular_first,
    popularity_groups,
    popularity_thirds,
    user_groups,
)

# 100 interactions on ten items, ids 1 to 10 by falling popularity.
HUNDRED = np.array([0, 30, 20, 15, 10, 5, 5, 5, 5, 5, 0])

count_vectors = st.lists(st.integers(0, 50), min_size=1, max_size=40).map(lambda c: np.array([7, *c]))


def ids(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


@pytest.mark.parametrize(
    ("rule", "head"),
    [
        ("interactions_80", [1, 2, 3, 4, 5]),  # 30+20+15+10 = 75, one more item reaches exactly 80
        ("interactions_20", [1]),
        ("items_20", [1, 2]),
    ],
)
def test_head_of_ten_items(rule: str, head: list[int]) -> None:
    groups = popularity_groups(HUNDRED, rule)
    assert ids(groups.head) == head
    assert ids(groups.tail) == [i for i in range(1, 11) if i not in head]
    assert groups.head_rule == rule
    assert (groups.n_head, groups.n_tail, groups.n_items) == (len(head), 10 - len(head), 11)
    assert rule in str(groups)


def test_equal_counts_are_ordered_by_id() -> None:
    assert most_popular_first(np.array([9, 2, 5, 2, 5])).tolist() == [2, 4, 1, 3]
    assert ids(popularity_groups(np.array([0, 1, 1, 1, 1, 1]), "items_20").head) == [1]
    assert ids(popularity_groups(np.array([0, 1, 1, 1, 1, 1]), "interactions_80").head) == [1, 2, 3, 4]


def test_items_without_interactions_are_tail_under_every_rule() -> None:
    for rule in HEAD_RULES:
        groups = popularity_groups(np.array([0, 0, 0, 0, 0]), rule)
        assert not groups.head.any()
        assert ids(groups.tail) == [1, 2, 3, 4]
    assert ids(popularity_groups(np.array([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "items_20").head) == [1]


def test_all_head_where_one_item_is_the_catalogue() -> None:
    groups = popularity_groups(np.array([0, 3]), "interactions_80")
    assert (groups.n_head, groups.n_tail) == (1, 0)


def test_thirds_by_hand() -> None:
    assert popularity_thirds(HUNDRED).tolist() == [-1, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


@given(count_vectors, st.sampled_from(sorted(HEAD_RULES)))
def test_groups_split_the_catalogue_and_the_head_is_the_smallest(counts: np.ndarray, rule: str) -> None:
    groups = popularity_groups(counts, rule)
    assert not groups.head[0]
    assert not groups.tail[0]
    assert (groups.head[1:] ^ groups.tail[1:]).all()
    if groups.n_head and groups.n_tail:
        assert counts[groups.head].min() >= counts[groups.tail].max()
    total, held = counts[1:].sum(), counts[groups.head].sum()
    percent = {"interactions_80": 80, "interactions_20": 20}.get(rule)
    if percent is not None and total:
        assert 100 * held >= percent * total
        assert 100 * (held - counts[groups.head].min()) < percent * total


@given(count_vectors)
def test_short_head_lies_inside_the_head(counts: np.ndarray) -> None:
    short, long = (popularity_groups(counts, rule).head for rule in ("interactions_20", "interactions_80"))
    assert (long | ~short).all()


def test_heavy_and_light_users() -> None:
    groups = user_groups(np.array([5, 9, 1, 5, 0, 7, 5, 5]))
    assert ids(groups.heavy) == [1, 5]
    assert ids(groups.light) == [2, 4]


def test_equal_users_split_by_row_and_never_overlap() -> None:
    groups = user_groups(np.full(9, 3))
    assert ids(groups.heavy) == [0, 1]
    assert ids(groups.light) == [7, 8]


def test_group_means_leave_out_an_empty_group() -> None:
    few = user_groups(np.array([3, 2, 1]))
    assert group_means(np.array([1.0, 0.0, 0.5]), few) == {"all": 0.5}
    eight = UserGroups(np.array([True, False]), np.array([False, True]))
    assert group_means(np.array([1.0, 0.0]), eight) == {"all": 0.5, "heavy": 1.0, "light": 0.0}


def test_unknown_rule_names_the_closest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'interactions_80'"):
        popularity_groups(HUNDRED, "interaction_80")


@pytest.mark.parametrize(
    "counts", [np.array([0, -1]), np.array([0.5, 1.0]), np.ones((2, 2), int), np.array([3])]
)
def test_malformed_counts_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(DataError):
        popularity_groups(counts)
