"""Lists one at a time: the small program against all lists, prices that follow what was shown, floors that are met."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure.online import OnlineExposure, PriceList, Shown, best_list, user_gains
from recbole_ext.rerank.exposure.solve import exposure


def prices_of(n_items: int = 41, k: int = 4, lists: int = 60, coverage: float = 0.9) -> PriceList:
    tail = np.arange(n_items) > n_items // 2
    ones = np.r_[0, np.ones(n_items - 1, dtype=np.int64)]
    return PriceList(np.r_[0.0, np.full(n_items - 1, 0.2)], 0.1, tail, ones, lists, k, coverage, 0.5, 0.1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), n=st.integers(4, 9), k=st.integers(1, 3), step=st.sampled_from([0.0, 0.5])
)
def test_best_list_against_all_lists(seed: int, n: int, k: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    gains, bonus = np.r_[-np.inf, rng.normal(size=n)], np.r_[9.0, rng.random(n) * 2]
    if step:
        gains, bonus = np.floor(gains / step) * step, np.floor(bonus / step) * step
    discount = 1 / np.log2(np.arange(k) + 2)
    found = best_list(gains, bonus, discount)
    worth = {
        picks: sum(discount[r] * gains[i] + bonus[i] for r, i in enumerate(picks))
        for picks in itertools.permutations(range(1, n + 1), k)
    }
    assert worth[tuple(found.tolist())] == pytest.approx(max(worth.values()))


def test_gains_by_hand() -> None:
    gains = user_gains(np.array([-np.inf, 4.0, 2.0, 1.0, -np.inf, 3.0]), depth=3)
    assert gains.tolist() == [-np.inf, 1.0, 0.0, -0.5, -np.inf, 0.5]
    assert user_gains(np.array([-np.inf, 2.0, 2.0])).tolist() == [-np.inf, 0.0, 0.0]
    for scores in ([np.nan, 1.0], [np.inf, 1.0], [-np.inf, -np.inf]):
        with pytest.raises(ConfigError, match="NaN"):
            user_gains(np.array(scores))


def test_static_prices_give_the_joint_bound() -> None:
    """Weak duality: the users' values under the joint prices, minus what the floor pays, are its bound."""
    rng = np.random.default_rng(3)
    items = np.stack([rng.permutation(30)[:30] + 1 for _ in range(25)])
    scores = -np.sort(-rng.random((25, 30)), axis=1)
    joint = exposure(items, scores, tail=np.zeros(31, bool), n_items=31, k=3, coverage=0.9)
    prices = replace(
        prices_of(31, 3, 25), item=joint.prices.item, tail_price=0.0, tail=np.zeros(31, bool), tail_share=0.0
    )
    online = OnlineExposure(prices, adapt=False)
    discount, total = 1 / np.log2(np.arange(3) + 2), 0.0
    for row, score in zip(items, scores, strict=True):
        whole = np.full(31, -np.inf)
        whole[row] = score
        gains = user_gains(whole, depth=30)
        chosen = online.serve(gains)
        total += float(gains[chosen] @ discount + prices.item[chosen].sum())
    assert total - np.sort(prices.item[1:])[:27].sum() == pytest.approx(joint.bound)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_adapting_comes_near_the_floors_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    online = OnlineExposure(prices_of())
    lists = np.stack(
        [online.serve(user_gains(np.r_[-np.inf, np.linspace(2, 0, 40) + rng.random(40)])) for _ in range(60)]
    )
    assert len(np.unique(lists)) >= 0.9 * 40 - 2
    # The price rises by 20 times what lacks: a lack of .1 would triple it.
    assert online.prices.tail[lists].mean() >= 0.5 - 0.1
    assert all(len(set(row)) == 4 for row in lists.tolist())


def test_what_was_shown_costs_less_and_what_lacks_more() -> None:
    online = OnlineExposure(prices_of())
    before = online.bonus()
    online.count(np.array([1, 2, 3, 4]))
    ahead = online.bonus()
    assert (ahead[[1, 2, 3, 4]] == 0).all()
    assert ahead[5] < before[5]  # four items after one list are more than the plan of sixty lists
    for _ in range(29):
        online.count(np.array([1, 2, 3, 4]))
    late = online.bonus()
    assert late[5] > before[5]
    # No tail item was shown in half of the period, and half of the slots should be of the tail.
    assert late[30] - late[5] == pytest.approx(0.1 + 20 * 0.1 * 0.5 * 0.5)


def test_half_life_by_hand() -> None:
    shown = Shown.nothing(6)
    for _ in range(2):
        shown.add(np.array([1, 2]), np.array([0, 0, 1, 0, 0, 0], dtype=bool), half_life=1.0)
    assert shown.exposure.tolist() == [0, 1.5, 1.5, 0, 0, 0]
    assert (shown.lists, shown.tails, shown.served) == (1.5, 1.5, 2)


def test_a_state_that_goes_on_equals_one_that_was_never_left() -> None:
    rng = np.random.default_rng(0)
    users = [user_gains(np.r_[-np.inf, rng.random(40)]) for _ in range(20)]
    one, first = (OnlineExposure(prices_of(), half_life=30.0) for _ in range(2))
    whole = [one.serve(user).tolist() for user in users]
    part = [first.serve(user).tolist() for user in users[:11]]
    second = OnlineExposure(prices_of(), first.shown, half_life=30.0)
    assert whole == part + [second.serve(user).tolist() for user in users[11:]]


def test_wrong_use() -> None:
    with pytest.raises(ConfigError, match="half-life"):
        OnlineExposure(prices_of(), half_life=0.0)
    with pytest.raises(ConfigError, match="different catalogues"):
        OnlineExposure(prices_of(), Shown.nothing(3))
    with pytest.raises(ConfigError, match="negative"):
        replace(prices_of(), tail_price=-1.0)
    with pytest.raises(ConfigError, match="2 candidates and a list has 4"):
        OnlineExposure(prices_of()).serve(user_gains(np.r_[np.full(39, -np.inf), 1.0, 2.0]))
