"""Gini and entropy of the exposure: by hand, by property, against the pairwise definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.evaluator.metrics.concentration import entropy, gini


def test_by_hand() -> None:
    # Exposure of items 1..4: 2, 1, 1, 0. Sum of |x_i - x_j| over ordered pairs: 2 (1+1+2+0+1+1) = 12.
    items = np.array([[1, 2], [1, 3], [0, 0]])
    assert gini(items, 5) == pytest.approx(12 / (2 * 4 * 4))
    assert entropy(items, 5) == pytest.approx(1.5)


def test_even_exposure() -> None:
    items = np.arange(1, 9).reshape(4, 2)
    assert gini(items, 9) == 0.0
    assert entropy(items, 9) == 3.0


def test_one_item_for_all() -> None:
    items = np.ones((6, 1), dtype=int)
    assert gini(items, 9) == pytest.approx(1 - 1 / 8)
    assert entropy(items, 9) == 0.0


def test_constant_recommender_of_k_items() -> None:
    items = np.tile(np.arange(1, 5), (30, 1))
    assert gini(items, 17) == pytest.approx(1 - 4 / 16)
    assert entropy(items, 17) == pytest.approx(2.0)


def test_nothing_recommended() -> None:
    assert gini(np.zeros((3, 2), dtype=int), 5) == 0.0
    assert entropy(np.zeros((3, 2), dtype=int), 5) == 0.0


@given(st.integers(0, 2**32 - 1))
def test_definition_bounds_and_permutation(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_items = int(random.integers(2, 12))
    items = random.integers(0, n_items, (int(random.integers(1, 9)), 3))
    items[0, 0] = 1
    x = np.bincount(items.ravel(), minlength=n_items)[1:]
    n = n_items - 1
    assert gini(items, n_items) == pytest.approx(np.abs(x[:, None] - x).sum() / (2 * n * x.sum()))
    assert 0 <= gini(items, n_items) <= 1 - 1 / n + 1e-12
    assert -1e-12 <= entropy(items, n_items) <= np.log2(n) + 1e-9
    assert gini(random.permutation(items), n_items) == gini(items, n_items)
    assert entropy(random.permutation(items), n_items) == entropy(items, n_items)
