"""Prices: the lists of the dynamic program, the bound, and the gap to the linear program."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from recbole_ext.rerank.exposure.dual import (
    DualPrices,
    ExposureProblem,
    best_lists,
    dual_bound,
    list_value,
    price_ascent,
    through_loss,
)
from recbole_ext.rerank.exposure.lists import lists_from_prices
from recbole_ext.rerank.exposure.lp import solve_linear
from recbole_ext.rerank.exposure.solve import exposure


def problem(seed: int, users: int, catalogue: int, k: int, covered: float, tails: float) -> ExposureProblem:
    """Users with different numbers of candidates and a popular half, so that the floors bind."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(k + 1, min(catalogue, 3 * k + 2), users)
    popular = np.linspace(2.0, 0.0, catalogue)
    items, gains = [], []
    for size in sizes:
        gain = popular + rng.gumbel(size=catalogue)
        own = np.sort(rng.permutation(catalogue)[:size])
        order = np.argsort(-gain[own], kind="stable")
        items.append(own[order] + 1)
        gains.append(gain[own][order])
    return ExposureProblem(
        indptr=np.r_[0, np.cumsum(sizes)],
        items=np.concatenate(items).astype(np.int32),
        gains=np.concatenate(gains),
        tail=np.r_[False, np.arange(catalogue) >= catalogue // 2],
        discount=1 / np.log2(np.arange(k) + 2),
        min_covered=int(covered * catalogue),
        min_tail=int(tails * users * k),
    )


def test_best_lists_against_all_orders() -> None:
    small = problem(0, users=6, catalogue=8, k=3, covered=0, tails=0)
    rng = np.random.default_rng(1)
    price, tail = np.r_[0.0, rng.random(8) * 2], 0.3
    lists, values = best_lists(small, price, tail)
    for user in range(6):
        own = range(small.indptr[user], small.indptr[user + 1])
        worth = {
            picks: sum(
                small.discount[r] * small.gains[e] + price[small.items[e]] + tail * small.tail[small.items[e]]
                for r, e in enumerate(picks)
            )
            for picks in itertools.permutations(own, 3)
        }
        assert values[user] == pytest.approx(max(worth.values()))
        assert worth[tuple(lists[user].tolist())] == pytest.approx(values[user])


def test_through_loss_is_zero_on_the_best_list_and_never_negative() -> None:
    small = problem(2, users=9, catalogue=12, k=4, covered=0, tails=0)
    price = np.r_[0.0, np.random.default_rng(3).random(12)]
    lists, _ = best_lists(small, price, 0.1)
    for users, entries, loss in through_loss(small, price, 0.1):
        assert loss.min() > -1e-9
        for row, user in enumerate(users):
            for position, entry in enumerate(lists[user]):
                column = int(np.flatnonzero(entries[row] == entry)[0])
                assert loss[row, column, position] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_gap_to_the_linear_program(seed: int) -> None:
    middle = problem(seed, users=150, catalogue=120, k=5, covered=0.9, tails=0.6)
    prices = price_ascent(middle)
    lists = lists_from_prices(middle, prices)
    linear = solve_linear(middle, prices)
    assert linear.value is not None
    assert linear.prices.bound == pytest.approx(linear.value, rel=1e-6)
    value = list_value(middle, lists)
    assert value <= linear.value + 1e-6 <= prices.bound + 2e-6
    assert prices.bound - value < 0.02 * linear.value
    assert len(np.unique(middle.items[lists])) >= middle.min_covered
    assert middle.tail[middle.items[lists]].sum() >= middle.min_tail


def test_any_prices_bound_the_optimum() -> None:
    small = problem(5, users=30, catalogue=30, k=4, covered=0.8, tails=0.5)
    linear = solve_linear(small, DualPrices(np.zeros(31), 0.0, np.inf))
    assert linear.value is not None
    rng = np.random.default_rng(6)
    for _ in range(5):
        price, tail = np.r_[0.0, rng.random(30)], float(rng.random())
        assert dual_bound(small, best_lists(small, price, tail)[1], price, tail) >= linear.value - 1e-9


def test_permutation_of_users_keeps_the_value() -> None:
    rng = np.random.default_rng(7)
    items = np.stack([rng.permutation(25)[:12] + 1 for _ in range(20)])
    scores = -np.sort(-rng.random((20, 12)), axis=1)
    tail, order = np.r_[False, np.arange(25) % 3 > 0], rng.permutation(20)
    arguments: dict[str, Any] = {"tail": tail, "n_items": 26, "k": 4, "coverage": 0.9, "tail_share": 0.7}
    one = exposure(items, scores, **arguments)
    other = exposure(items[order], scores[order], **arguments)
    assert (one.method, other.method) == ("exact", "exact")
    assert one.value == pytest.approx(other.value, rel=1e-3)
    assert one.bound == pytest.approx(other.bound, rel=1e-6)


def test_bound_holds_for_users_of_one_candidate_more_than_k() -> None:
    tight = problem(8, users=40, catalogue=10, k=3, covered=1.0, tails=0.5)
    prices = price_ascent(tight, 30)
    assert list_value(tight, lists_from_prices(tight, prices)) <= prices.bound + 1e-9
