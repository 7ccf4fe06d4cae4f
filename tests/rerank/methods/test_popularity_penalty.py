"""``popularity_penalty``: by hand, against a plain version, and monotone in α."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank import Candidates, ItemInformation, PopularityPenalty, SideInformation, make_reranker
from tests.rerank.toy import check_greedy, plain_p, random_problem

# φ = 7, 3, 1, 0 gives p = 1, 2/3, 1/3, 0; the scores are scaled to s = 1, 0.9, 0.5, 0.
HAND = (
    Candidates(np.array([[1, 2, 3, 4]]), np.array([[10.0, 9.0, 5.0, 0.0]])),
    SideInformation(ItemInformation(np.array([0, 7, 3, 1, 0]), np.array([False, True, False, False, False]))),
)


@pytest.mark.parametrize(
    ("alpha", "items", "values"),
    [
        (0.0, [1, 2, 3], [1.0, 0.9, 0.5]),
        (0.1, [1, 2, 3], [0.9, 0.9 - 0.2 / 3, 0.5 - 0.1 / 3]),
        (0.6, [2, 1, 3], [0.5, 0.4, 0.3]),
        (3.0, [4, 3, 2], [0.0, -0.5, -1.1]),
    ],
)
def test_by_hand(alpha: float, items: list[int], values: list[float]) -> None:
    chosen, value = PopularityPenalty(alpha)(*HAND, 3)
    assert chosen.tolist() == [items]
    assert np.allclose(value, [values], atol=1e-12)


def test_equal_values_keep_the_input_order() -> None:
    # With one popularity for all, the penalty is a constant.
    lists = Candidates(np.array([[5, 3, 4, 1]]), np.array([[2.0, 2.0, 2.0, 1.0]]))
    side = SideInformation(ItemInformation(np.array([0, 2, 2, 2, 2, 2]), np.zeros(6, dtype=bool)))
    assert PopularityPenalty(0.7)(lists, side, 3)[0].tolist() == [[5, 3, 4]]


@given(seed=st.integers(0, 10_000), alpha=st.floats(0.0, 3.0), k=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_against_the_plain_rule(seed: int, alpha: float, k: int) -> None:
    lists, side = random_problem(seed)
    popularity = side.items.popularity.tolist()
    items, values = PopularityPenalty(alpha)(lists, side, k)
    check_greedy(lists, items, values, lambda u, i, s, listed: s - alpha * plain_p(popularity, i))


@pytest.mark.parametrize("name", ["popularity_penalty", "value_aware"])
@given(seed=st.integers(0, 10_000), first=st.floats(0.0, 1.0), second=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_larger_strength_never_makes_a_list_more_popular(
    name: str, seed: int, first: float, second: float
) -> None:
    # Both lists are the best of their weighted sums: exchanging them shows (strength difference) · (Σp gap) >= 0,
    # up to rounding, which only very close strengths can turn into another order.
    low, high = sorted((first, second))
    if high - low < 1e-6:
        return
    lists, side = random_problem(seed)
    p = side.items.log_popularity
    sums = [p[make_reranker(name, x)(lists, side, 5)[0]].sum(axis=1) for x in (low, high)]
    assert (sums[1] <= sums[0] + 1e-6).all()


def test_a_very_large_alpha_orders_by_popularity_alone() -> None:
    lists, side = random_problem(11)
    items, _ = PopularityPenalty(1e9)(lists, side, 6)
    assert (np.diff(side.items.popularity[items], axis=1) >= 0).all()
