"""``value_aware``: by hand, against a plain version, and at λ = 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank import ValueAware
from tests.rerank.methods.test_popularity_penalty import HAND
from tests.rerank.toy import check_greedy, plain_p, random_problem


@pytest.mark.parametrize(
    ("strength", "items", "values"),
    [
        # s = 1, 0.9, 0.5, 0 and 1 - p = 0, 1/3, 2/3, 1.
        (0.0, [1, 2, 3], [1.0, 0.9, 0.5]),
        (0.5, [2, 3, 1], [0.45 + 0.5 / 3, 0.25 + 1 / 3, 0.5]),
        (1.0, [4, 3, 2], [1.0, 2 / 3, 1 / 3]),
    ],
)
def test_by_hand(strength: float, items: list[int], values: list[float]) -> None:
    chosen, value = ValueAware(strength)(*HAND, 3)
    # At 0.5 items 1 and 4 tie at 0.5: the first candidate wins.
    assert chosen.tolist() == [items]
    assert np.allclose(value, [values], atol=1e-12)


@given(seed=st.integers(0, 10_000), strength=st.floats(0.0, 1.0), k=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_against_the_plain_rule(seed: int, strength: float, k: int) -> None:
    lists, side = random_problem(seed)
    popularity = side.items.popularity.tolist()

    def plain(user: int, item: int, s: float, listed: list[int]) -> float:
        return (1 - strength) * s + strength * (1 - plain_p(popularity, item))

    items, values = ValueAware(strength)(lists, side, k)
    check_greedy(lists, items, values, plain)
