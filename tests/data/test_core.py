"""The k-core and what is said of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.data.core import core_of


def test_removal_goes_on_until_nobody_is_below() -> None:
    """Item 2 has one interaction; without it user 2 has one, and without that item 1 has two."""
    users = np.array([0, 0, 1, 1, 2, 2])
    items = np.array([0, 1, 0, 1, 1, 2])
    core = core_of(users, items, 2, 2)
    assert core.keep.tolist() == [True, True, True, True, False, False]
    assert core.removed.words() == ("the 2-core removes 1 of 3 users, 1 of 3 items and 2 of 6 interactions")


def test_two_numbers_are_both_named() -> None:
    core = core_of(np.array([0, 0, 1]), np.array([0, 1, 0]), 2, 1)
    assert core.removed.words() == (
        "the core of at least 2 a user and 1 an item removes 1 of 2 users, 0 of 2 items and 1 of 3 interactions"
    )


def test_nothing_to_remove() -> None:
    assert (
        core_of(np.array([0, 1]), np.array([0, 0]), 1, 2).removed.words()
        == "the core of at least 1 a user and 2 an item removes nothing"
    )


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_the_core_is_the_largest_set_in_which_everybody_has_enough(
    rows: list[tuple[int, int]], min_user: int, min_item: int
) -> None:
    kept = list(range(len(rows)))
    while True:
        left = [
            row
            for row in kept
            if sum(rows[other][0] == rows[row][0] for other in kept) >= min_user
            and sum(rows[other][1] == rows[row][1] for other in kept) >= min_item
        ]
        if left == kept:
            break
        kept = left
    core = core_of(*np.array(rows).T, min_user, min_item)
    assert np.flatnonzero(core.keep).tolist() == kept
    assert core.removed.users == (len({user for user, _ in rows}), len({rows[row][0] for row in kept}))
    assert core.removed.items == (len({item for _, item in rows}), len({rows[row][1] for row in kept}))
    assert core.removed.interactions == (len(rows), len(kept))
