"""Whether two protocols order models alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from recbole_ext.errors import ConfigError
from recbole_ext.runs.agreement import Ranking, kendall_tau, order_agreement, swapped


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=7))
def test_tau_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = kendall_tau(first[None], second[None])[0]
    expected = kendalltau(first, second).statistic
    assert found == pytest.approx(0.0 if np.isnan(expected) else expected)


def ranking(users: list[str], means: list[float], noise: float, seed: int) -> Ranking:
    values = np.random.default_rng(seed).normal(means, noise, (len(users), len(means)))
    return Ranking(np.array(users), values)


def test_clear_orders_have_a_narrow_interval_and_noise_a_wide_one() -> None:
    users = [f"u{k}" for k in range(400)]
    means = [0.1, 0.2, 0.3, 0.4]
    clear = [ranking(users, means, 0.1, seed) for seed in (1, 2)]
    assert order_agreement(*clear) == (1.0, 1.0, 1.0)
    against = ranking(users[50:], means[::-1], 0.1, 3)  # other people, too
    assert order_agreement(clear[0], against) == (-1.0, -1.0, -1.0)
    tau, low, high = order_agreement(*(ranking(users, means, 5, seed) for seed in (1, 2)))
    assert low <= tau <= high
    assert high - low > 0.6


def test_a_user_of_both_protocols_is_drawn_for_both() -> None:
    # Half of the users prefer one model by far, half the other; both protocols agree in every sample that they share.
    users = [f"u{k}" for k in range(41)]
    values = np.array([[1.0, 0.0] if k % 2 else [0.0, 1.0] for k in range(41)])
    one, same = Ranking(np.array(users), values), Ranking(np.array(users[::-1]), values[::-1])
    tau, low, high = order_agreement(one, same)
    assert (tau, high) == (1.0, 1.0)
    assert low == 1.0


def test_one_model_has_no_order_and_swapped_pairs_are_named() -> None:
    with pytest.raises(ConfigError, match="compare at least two models"):
        order_agreement(*[ranking(["a", "b"], [0.1], 1, 0)] * 2)
    first, second = {"A": 0.1, "B": 0.2, "C": 0.3}, {"A": 0.2, "B": 0.1, "C": 0.3}
    assert swapped(["A", "B", "C"], first, second) == ["A and B"]
