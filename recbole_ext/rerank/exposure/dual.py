"""The solver for large exposure problems: dual prices of items and of the tail, then lists that meet both floors.

Given a price for every item (its worth to the coverage floor) and one for the tail, the problem separates by user:
each user's best list is a small dynamic program over the candidates in order of gain. By weak duality, any prices
bound the optimum from above, so every result carries its gap. The prices move by resilient steps (Riedmiller and
Braun, 1993) on a subgradient of the dual (Held, Wolfe and Crowder, 1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recbole_ext.progress import tracked

__all__ = [
    "DualPrices",
    "ExposureProblem",
    "best_lists",
    "dual_bound",
    "list_value",
    "price_ascent",
    "through_loss",
]

_BLOCK_CELLS = 400_000


@dataclass(frozen=True)
class ExposureProblem:
    """Candidates of every user with their gains, and the two floors.

    Attributes:
        indptr: ``(U + 1,) int64``; user u owns the entries ``indptr[u]:indptr[u + 1]``.
        items: ``(E,) int32`` item ids, each at most once per user, by decreasing gain within a user.
        gains: ``(E,) float64``, in the unit of the value.
        tail: ``(n_items,) bool``; entry 0 (padding) is False.
        discount: ``(K,) float64`` weight of each position, decreasing.
        min_covered: Minimum number of distinct items over all lists.
        min_tail: Minimum number of list slots that hold a tail item.
    """

    indptr: np.ndarray
    items: np.ndarray
    gains: np.ndarray
    tail: np.ndarray
    discount: np.ndarray
    min_covered: int
    min_tail: int

    @property
    def n_users(self) -> int:
        """Number of users; each has one list."""
        return len(self.indptr) - 1

    @property
    def n_items(self) -> int:
        """Number of items, padding included."""
        return len(self.tail)

    @property
    def k(self) -> int:
        """Length of every list."""
        return len(self.discount)

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields blocks of users of similar candidate counts: users ``(B,)``, padded entries ``(B, N)`` and mask."""
        sizes = np.diff(self.indptr)
        order = np.argsort(sizes, kind="stable")
        start = 0
        while start < len(order):
            width = int(sizes[order[min(start + 4095, len(order) - 1)]])
            users = order[start : start + max(1, min(4096, _BLOCK_CELLS // width))]
            width = int(sizes[users].max())
            entries = self.indptr[users][:, None] + np.arange(width)
            exists = np.arange(width) < sizes[users][:, None]
            yield users, np.where(exists, entries, 0), exists
            start += len(users)


@dataclass(frozen=True)
class DualPrices:
    """Prices and the upper bound that they prove.

    Attributes:
        item: ``(n_items,) float64``, at least 0: worth of covering the item.
        tail: Worth of one slot with a tail item, at least 0.
        bound: No lists that meet the floors have a larger value.
    """

    item: np.ndarray
    tail: float
    bound: float


def _bonus(problem: ExposureProblem, item: np.ndarray, tail: float, forced: np.ndarray | None) -> np.ndarray:
    """``(E,) float64`` worth of each entry besides its gain."""
    bonus = (item + tail * problem.tail)[problem.items]
    return bonus if forced is None else bonus + forced


def best_lists(
    problem: ExposureProblem, item: np.ndarray, tail: float, forced: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Computes every user's exact best list under given prices.

    Args:
        problem: Candidates and floors.
        item: ``(n_items,) float64`` price of each item.
        tail: Price of a tail slot.
        forced: ``(E,) float64`` additional worth of single entries.

    Returns:
        ``(U, K) int64`` entries of the lists, first position first, and ``(U,) float64`` values with the prices.
    """
    from recbole_ext.rerank.exposure import kernels

    lists = np.zeros((problem.n_users, problem.k), dtype=np.int64)
    values = np.zeros(problem.n_users)
    bonus = _bonus(problem, item, tail, forced)
    kernels.best_lists(problem.indptr, problem.gains, bonus, problem.discount, lists, values)
    return lists, values


def through_loss(
    problem: ExposureProblem, item: np.ndarray, tail: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Computes a user's loss from putting an entry at a position, under prices; 0 for the best list.

    Yields:
        users ``(B,)``, entries ``(B, N)`` and the loss ``(B, N, K) float64``, infinite where impossible.
    """
    from recbole_ext.rerank.exposure import kernels

    bonus = _bonus(problem, item, tail, None)
    for users, entries, _ in problem.blocks():
        loss = np.empty((*entries.shape, problem.k))
        kernels.through_losses(problem.indptr, problem.gains, bonus, problem.discount, users, loss)
        yield users, entries, loss


def dual_bound(problem: ExposureProblem, values: np.ndarray, item: np.ndarray, tail: float) -> float:
    """The upper bound that prices prove: the users' values minus the minimum price of meeting the floors."""
    count = problem.min_covered
    cheapest = np.partition(item[1:], count - 1)[:count].sum() if count else 0.0
    return float(values.sum() - cheapest - tail * problem.min_tail)


def price_ascent(
    problem: ExposureProblem, iterations: int = 80, start: DualPrices | None = None
) -> DualPrices:
    """Finds prices with a small upper bound, by resilient steps from a starting point.

    Args:
        problem: Candidates and floors.
        iterations: Passes over all users.
        start: Initial prices; 0 if None.
    """
    item = np.zeros(problem.n_items) if start is None else start.item.copy()
    tail = 0.0 if start is None else start.tail
    scale = (
        float(problem.discount[-1] * _spread(problem)) if start is None else 0.1 * float(item.max() + tail)
    )
    step, tail_step = np.full(problem.n_items, max(scale, 1e-12) / 4), max(scale, 1e-12) / 4
    sign, tail_sign = np.zeros(problem.n_items), 0.0
    best = DualPrices(item.copy(), tail, np.inf)
    for _ in tracked(range(iterations), "moving the prices of items,", iterations, "passes"):
        lists, values = best_lists(problem, item, tail)
        bound = dual_bound(problem, values, item, tail)
        if bound < best.bound:
            best = DualPrices(item.copy(), tail, bound)
        chosen = problem.items[lists.ravel()]
        counts = np.bincount(chosen, minlength=problem.n_items)
        short = np.sign(1.0 - counts) * (problem.min_covered > 0)
        step *= np.select([short * sign > 0, short * sign < 0], [1.3, 0.5], 1.0)
        tail_short = float(np.sign(problem.min_tail - problem.tail[chosen].sum()))
        tail_step *= 1.5 if tail_short * tail_sign > 0 else 0.5 if tail_short * tail_sign < 0 else 1.0
        sign, tail_sign = short, tail_short
        item = np.maximum(item + short * step, 0.0)
        item[0] = 0.0
        if problem.min_covered > 0:
            # If not all items must be covered, no price exceeds the largest among the cheapest ``min_covered`` items.
            ceiling = np.partition(item[1:], problem.min_covered - 1)[problem.min_covered - 1]
            item = np.minimum(item, ceiling)
        tail = max(tail + tail_short * tail_step, 0.0)
    return best


def _spread(problem: ExposureProblem) -> float:
    """Mean gap between a user's first and K-th gain: the scale of a price."""
    first = problem.gains[problem.indptr[:-1]]
    last = problem.gains[problem.indptr[:-1] + problem.k - 1]
    return float(np.mean(first - last)) or float(np.abs(first).max()) or 1.0


def list_value(problem: ExposureProblem, lists: np.ndarray) -> float:
    """Discounted gains of lists of entries, each sorted by decreasing gain."""
    return float((problem.gains[lists] @ problem.discount).sum())
