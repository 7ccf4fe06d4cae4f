"""The exact exposure solver: a linear program over (user, item, position), solved by HiGHS with column generation.

With the coverage floor alone, this is a minimum-cost flow, so its vertices are integral. The tail floor adds one
row, which leaves at most a few lists fractional. Only promising columns enter the program; the dynamic program of
`recbole_ext.rerank.exposure.dual` prices all others, so the bound holds for the whole problem, not just the chosen
columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse.csgraph import maximum_flow

from recbole_ext.errors import ConfigError
from recbole_ext.progress import tracked
from recbole_ext.rerank.exposure.dual import (
    DualPrices,
    ExposureProblem,
    best_lists,
    dual_bound,
    through_loss,
)

__all__ = ["LinearResult", "beyond_coverage", "coverage_ceiling", "refuse_beyond_ceilings", "solve_linear"]

_COLUMNS_PER_USER = 25
_ALL_COLUMNS = 2_000_000
_FLOW_ENTRIES = 20_000_000
_QUICK_ENTRIES = 400_000


@dataclass(frozen=True)
class LinearResult:
    """The result of the linear program.

    Attributes:
        value: Its optimum over the chosen columns; None if these cannot meet the floors.
        prices: Prices with a bound that holds for all columns.
        share: ``(E,) float64`` degree to which each entry is in its user's list, 0 to 1.
    """

    value: float | None
    prices: DualPrices
    share: np.ndarray


def _promising(problem: ExposureProblem, prices: DualPrices, per_user: int) -> np.ndarray:
    """``(n,) int64`` columns ``entry * K + position`` with the smallest loss for each user, including the best list."""
    found = []
    for _, entries, loss in through_loss(problem, prices.item, prices.tail):
        flat = loss.reshape(len(entries), -1)
        count = min(per_user, flat.shape[1])
        near = np.argpartition(flat, count - 1, axis=1)[:, :count]
        finite = np.isfinite(np.take_along_axis(flat, near, axis=1))
        columns = np.take_along_axis(entries, near // problem.k, axis=1) * problem.k + near % problem.k
        found.append(columns[finite])
    lists, _ = best_lists(problem, prices.item, prices.tail)
    found.append((lists * problem.k + np.arange(problem.k)).ravel())
    return np.unique(np.concatenate(found))


def _rows(keys: np.ndarray, columns: int) -> sparse.csr_array:
    """One row per distinct key, with a one in every column of that key."""
    _, row = np.unique(keys, return_inverse=True)
    return sparse.csr_array((np.ones(len(keys)), (row, np.arange(len(keys)))), shape=(row.max() + 1, columns))


def _optimum(problem: ExposureProblem, columns: np.ndarray) -> OptimizeResult:
    """The linear program over some columns: selections x by column, then covers y by item."""
    entry, position = columns // problem.k, columns % problem.k
    user = np.searchsorted(problem.indptr, entry, side="right") - 1
    item = problem.items[entry].astype(np.int64)
    x, y = len(columns), problem.n_items
    ones = np.ones(x)
    slot = _rows(user * problem.k + position, x + y)
    once = _rows(entry, x + y)
    cover = sparse.hstack(
        [-sparse.csr_array((ones, (item, np.arange(x))), shape=(y, x)), sparse.eye_array(y)], format="csr"
    )
    floors = sparse.csr_array(
        np.vstack([np.r_[np.zeros(x), -np.ones(y)], np.r_[-problem.tail[item].astype(float), np.zeros(y)]])
    )
    upper = np.r_[np.full(x, np.inf), 0.0, np.ones(y - 1)]
    return linprog(
        c=np.r_[-problem.discount[position] * problem.gains[entry], np.zeros(y)],
        A_ub=sparse.vstack([cover, floors, once], format="csr"),
        b_ub=np.r_[np.zeros(y), -problem.min_covered, -problem.min_tail, np.ones(once.shape[0])],
        A_eq=slot,
        b_eq=np.ones(slot.shape[0]),
        bounds=np.column_stack([np.zeros(x + y), upper]),
        method="highs",
    )


def solve_linear(
    problem: ExposureProblem, start: DualPrices, rounds: int = 8, tolerance: float = 1e-5
) -> LinearResult:
    """Solves the linear program, adding columns until the bound over all columns meets the optimum.

    Args:
        problem: Candidates and floors; the floors must be within their ceilings.
        start: Prices that select the initial columns.
        rounds: Maximum number of linear programs.
        tolerance: Relative gap between the optimum and the bound at which to stop.
    """
    columns = _promising(problem, start, _COLUMNS_PER_USER)
    best = start
    value: float | None = None
    share: np.ndarray = np.zeros(len(problem.items))
    for _ in tracked(range(rounds), "solving a linear program, round", rounds):
        solution = _optimum(problem, columns)
        if solution.x is None:
            # The chosen columns may miss floors that all columns together can meet.
            count = len(problem.items) * problem.k
            width = count if count <= _ALL_COLUMNS else 8 * _COLUMNS_PER_USER
            columns = _promising(problem, start, width)
            solution = _optimum(problem, columns)
            if solution.x is None:
                break
        value = float(-solution.fun)
        chosen = np.asarray(solution.x[: len(columns)], dtype=np.float64)
        share = np.asarray(np.bincount(columns // problem.k, chosen, minlength=len(problem.items)))
        dual = -solution.ineqlin.marginals
        item = np.maximum(dual[: problem.n_items], 0.0)
        tail = max(float(dual[problem.n_items + 1]), 0.0)
        _, values = best_lists(problem, item, tail)
        prices = DualPrices(item, tail, dual_bound(problem, values, item, tail))
        if prices.bound < best.bound:
            best = prices
        if best.bound - value <= tolerance * max(abs(value), 1e-12):
            break
        columns = np.union1d(columns, _promising(problem, prices, _COLUMNS_PER_USER))
    return LinearResult(value, best, share)


def coverage_ceiling(problem: ExposureProblem) -> int:
    """Maximum number of items that all lists can cover: exact by maximum flow if it fits, else an upper bound."""
    n_users, n_items, k = problem.n_users, problem.n_items, problem.k
    present = np.unique(problem.items)
    simple = min(len(present), n_users * k)
    if len(problem.items) > _FLOW_ENTRIES:
        return simple
    owner = np.repeat(np.arange(n_users), np.diff(problem.indptr))
    source, sink = 0, 1 + n_users + n_items
    start = np.r_[np.zeros(n_users, dtype=np.int64), 1 + owner, 1 + n_users + present]
    end = np.r_[1 + np.arange(n_users), 1 + n_users + problem.items, np.full(len(present), sink)]
    capacity = np.r_[np.full(n_users, k), np.ones(len(owner) + len(present))].astype(np.int32)
    graph = sparse.csr_matrix((capacity, (start, end)), shape=(sink + 1, sink + 1))
    return int(maximum_flow(graph, source, sink).flow_value)


def beyond_coverage(problem: ExposureProblem, ceiling: int) -> ConfigError:
    """The error of a coverage floor above its ceiling."""
    catalogue = problem.n_items - 1
    return ConfigError(
        f"the coverage floor asks for {problem.min_covered} of {catalogue} items and the ceiling is {ceiling} "
        f"({ceiling / catalogue:.4f}; {problem.n_users} users, k {problem.k}, these candidates): lower "
        "coverage, or give more best users for each item"
    )


def refuse_beyond_ceilings(problem: ExposureProblem) -> None:
    """Rejects a floor above its ceiling.

    Raises:
        ConfigError: The message names the ceiling.
    """
    catalogue, slots = problem.n_items - 1, problem.n_users * problem.k
    if problem.min_covered:
        ceiling = min(catalogue, slots)
        near = problem.min_covered > 0.5 * min(len(np.unique(problem.items)), slots)
        if problem.min_covered <= ceiling and (near or len(problem.items) <= _QUICK_ENTRIES):
            ceiling = coverage_ceiling(problem)
        if problem.min_covered > ceiling:
            raise beyond_coverage(problem, ceiling)
    tails = np.add.reduceat(problem.tail[problem.items].astype(np.int64), problem.indptr[:-1])
    ceiling = int(np.minimum(tails, problem.k).sum())
    if problem.min_tail > ceiling:
        raise ConfigError(
            f"the tail floor asks for {problem.min_tail} of {slots} slots and the ceiling of these candidates is "
            f"{ceiling} (a tail share of {ceiling / slots:.4f}): lower tail_share, or give more candidates"
        )
