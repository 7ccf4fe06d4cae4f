"""Lists of a coverage floor by shortest paths: against all assignments, the linear program and maximum flows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure import solve
from recbole_ext.rerank.exposure.dual import DualPrices, list_value
from recbole_ext.rerank.exposure.flow import CoverageFlow
from recbole_ext.rerank.exposure.lp import coverage_ceiling, solve_linear
from recbole_ext.rerank.exposure.solve import ExposureSolver, exposure
from tests.rerank.exposure.test_dual import problem as popular_half
from tests.rerank.exposure.test_solve import brute_force, instance
from tests.rerank.exposure.test_solve import problem as of_gains


@pytest.mark.parametrize("seed", range(20))
def test_against_all_assignments(seed: int) -> None:
    items, scores, tail = instance(seed, users=3, catalogue=7, width=4)
    if seed % 2:
        scores = np.round(scores, 1)  # ties
    problem = of_gains(items, scores, tail, 2)
    flow = CoverageFlow(problem)
    for covered in range(1, 7):
        best = brute_force(items, scores, tail, 2, covered=covered, tails=0)
        assert flow.cover(covered) == (best > -np.inf)
        if best > -np.inf:
            assert list_value(problem, flow.lists) == pytest.approx(best)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), users=st.integers(2, 40), k=st.integers(1, 6), floor=st.floats(0, 1),
    step=st.sampled_from([0.0, 0.25]),
)  # fmt: skip
def test_prices_prove_the_lists(seed: int, users: int, k: int, floor: float, step: float) -> None:
    problem = popular_half(seed, users, catalogue=30, k=k, covered=0, tails=0)
    if step:
        # Many equal gains, some of which fall at once for several users.
        problem = replace(problem, gains=np.floor(problem.gains / step) * step)
    flow = CoverageFlow(problem)
    ceiling = coverage_ceiling(problem)
    count = max(1, int(floor * ceiling))
    assert flow.cover(count)
    problem = replace(problem, min_covered=count)
    prices = flow.prices(problem)
    assert (prices.item >= 0).all()
    assert prices.bound == pytest.approx(list_value(problem, flow.lists), rel=1e-9)
    lists = problem.items[flow.lists]
    assert all(len(set(row)) == k for row in lists.tolist())
    assert (np.diff(problem.gains[flow.lists], axis=1) <= 0).all()
    owners = np.searchsorted(problem.indptr, flow.lists, side="right") - 1
    assert (owners == np.arange(users)[:, None]).all()
    assert len(np.unique(lists)) >= count
    assert not flow.cover(ceiling + 1)
    assert flow.covered == ceiling


@pytest.mark.parametrize("seed", range(3))
def test_against_the_linear_program(seed: int) -> None:
    problem = popular_half(seed, users=120, catalogue=150, k=5, covered=0.9, tails=0)
    flow = CoverageFlow(problem)
    assert flow.cover(problem.min_covered)
    start = DualPrices(np.zeros(problem.n_items), 0.0, np.inf)
    assert list_value(problem, flow.lists) == pytest.approx(solve_linear(problem, start).value, rel=1e-5)


def test_a_chain_of_exchanges_by_hand() -> None:
    # Only user 0 has item 3 in the list or item 4 among the candidates; user 1 can show item 3 for .1.
    items = np.array([[3, 4], [1, 3], [1, 2]])
    gains = np.array([[1.0, 0.8], [1.0, 0.9], [1.0, 0.0]])
    problem = of_gains(items, gains, np.zeros(5, bool), 1)
    flow = CoverageFlow(problem)
    assert flow.covered == 2
    assert flow.cover(3)
    assert problem.items[flow.lists].ravel().tolist() == [4, 3, 1]
    assert flow.prices(replace(problem, min_covered=3)).item.tolist() == pytest.approx([0, 0, 0.3, 0.1, 0.3])
    assert flow.cover(4) is False


def test_rising_floors_equal_single_ones() -> None:
    items, scores, tail = instance(7, users=60, catalogue=80, width=20)
    solver = ExposureSolver(items, scores, tail=tail, n_items=81, k=4)
    for coverage in (0.3, 0.6, 0.9, 0.5, 0.95):
        one = exposure(items, scores, tail=tail, n_items=81, k=4, coverage=coverage)
        np.testing.assert_array_equal(solver.solve(coverage).items, one.items)
        assert one.method == "exact"
        assert one.gap < 1e-9


def test_a_tail_floor_that_does_not_bind_leaves_the_lists() -> None:
    items, scores, tail = instance(8, users=40, catalogue=60, width=20)
    free = exposure(items, scores, tail=tail, n_items=61, k=4, coverage=0.9)
    held = exposure(items, scores, tail=tail, n_items=61, k=4, coverage=0.9, tail_share=free.tail_share / 2)
    np.testing.assert_array_equal(free.items, held.items)
    binding = exposure(
        items, scores, tail=tail, n_items=61, k=4, coverage=0.9, tail_share=free.tail_share + 0.1
    )
    assert binding.tail_share >= free.tail_share + 0.1
    assert binding.value < free.value


def test_the_ceiling_below_a_floor_is_named() -> None:
    items = np.array([[1, 2], [1, 2], [3, 4], [5, 6], [7, 8], [7, 8]])
    scores = np.tile([1.0, 0.5], (6, 1))
    with pytest.raises(ConfigError, match=r"asks for 7 of 8 items and the ceiling is 6 \(0\.7500"):
        exposure(items, scores, tail=np.zeros(9, bool), n_items=9, k=1, coverage=0.8)
    with pytest.raises(ConfigError, match="ceiling is 6"):
        solve._by_flow(replace(of_gains(items, scores, np.zeros(9, bool), 1), min_covered=7),
                       CoverageFlow(of_gains(items, scores, np.zeros(9, bool), 1)))  # fmt: skip
