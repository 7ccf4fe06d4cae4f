"""Builds lists that meet both floors from the prices or shares of the exposure problem."""

from __future__ import annotations

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure.dual import DualPrices, ExposureProblem, best_lists

__all__ = ["lists_from_prices", "lists_from_shares"]

_RELATIVE = 1e-9


def lists_from_prices(problem: ExposureProblem, prices: DualPrices, rounds: int = 12) -> np.ndarray:
    """Builds lists that meet both floors from prices.

    Missing items go to the user who loses least. Then every covered item is pinned to one user, and the rest is
    solved again with the lowest tail price that meets the tail floor. Single swaps close the remaining gap.

    Args:
        problem: Candidates and floors.
        prices: From `price_ascent` or from the linear program.
        rounds: Number of bisections of the tail price.

    Returns:
        ``(U, K) int64`` entries.

    Raises:
        ConfigError: A floor was not reached; the message names the value reached.
    """
    lists, _ = best_lists(problem, prices.item, prices.tail)
    lists = _cover(problem, lists, prices.tail)
    forced = _held(problem, lists, prices.item)
    nothing = np.zeros(problem.n_items)

    def solve(tail: float) -> tuple[np.ndarray, bool]:
        found, _ = best_lists(problem, nothing, tail, forced)
        return found, bool(problem.tail[problem.items[found]].sum() >= problem.min_tail)

    result, enough = solve(0.0)
    if not enough:
        low, high = 0.0, max(prices.tail, _RELATIVE) * 1.05
        result, enough = solve(high)
        for _ in range(rounds):
            if enough:
                break
            low, high = high, high * 2.0
            result, enough = solve(high)
        under = solve(low)[0] if not enough or low else None
        for _ in range(rounds if enough else 0):
            middle = 0.5 * (low + high)
            found, met = solve(middle)
            if met:
                result, high = found, middle
            else:
                under, low = found, middle
        # Just below the price, a few swaps meet the floor at a lower loss than raising the price for all users.
        try:
            result = _fill_tail(problem, result if under is None else under)
        except ConfigError:
            # Items that are held for the coverage can be of the head: where the floors leave few lists, tail first.
            heavy = _above_all_gains(problem)
            lists, _ = best_lists(problem, prices.item, heavy)
            result = _fill_tail(problem, _cover(problem, lists, heavy))
    return result


def lists_from_shares(problem: ExposureProblem, share: np.ndarray, prices: DualPrices) -> np.ndarray:
    """Builds lists from the entries with the largest shares of a linear program, repaired to meet both floors.

    Args:
        problem: Candidates and floors.
        share: ``(E,) float64`` degree to which each entry is chosen, 0 to 1.
        prices: Prices of the linear program.

    Returns:
        ``(U, K) int64`` entries.
    """
    owner = _owners(problem, np.arange(len(share)))
    order = np.lexsort((np.arange(len(share)), -np.round(share, 6), owner))
    lists = order[problem.indptr[:-1][:, None] + np.arange(problem.k)]
    return _fill_tail(problem, _cover(problem, np.sort(lists, axis=1), prices.tail))


def _held(problem: ExposureProblem, lists: np.ndarray, price: np.ndarray) -> np.ndarray:
    """``(E,) float64``: a large worth for one entry of each of the cheapest items that the floor needs."""
    entries = lists.ravel()
    items = problem.items[entries]
    order = np.lexsort((-problem.gains[entries], items))
    first = order[np.r_[True, np.diff(items[order]) > 0]]
    keep = first[np.argsort(price[items[first]], kind="stable")[: problem.min_covered]]
    forced = np.zeros(len(problem.items))
    forced[entries[keep]] = _above_all_gains(problem)
    return forced


def _above_all_gains(problem: ExposureProblem) -> float:
    """A worth that no difference of gains outweighs."""
    return 1e6 * max(1.0, float(np.abs(problem.gains).max()))


def _swap_loss(problem: ExposureProblem, rows: np.ndarray, new: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """``(n, K)`` loss of replacing each listed entry of ``rows (n, K)`` by one with gain ``new (n,)``."""
    old = problem.gains[rows]
    k = problem.k
    swapped = np.repeat(old[:, None, :], k, axis=1)
    swapped[:, np.arange(k), np.arange(k)] = new[:, None]
    swapped = -np.sort(-swapped, axis=2)
    return np.asarray((old @ problem.discount)[:, None] - swapped @ problem.discount + worth)


def _owners(problem: ExposureProblem, entries: np.ndarray) -> np.ndarray:
    return np.searchsorted(problem.indptr, entries, side="right") - 1


def _put(problem: ExposureProblem, lists: np.ndarray, user: int, position: int, entry: int) -> None:
    """Replaces one entry and sorts the list; a user's entries are numbered by decreasing gain."""
    lists[user, position] = entry
    lists[user].sort()


def _cover(problem: ExposureProblem, lists: np.ndarray, tail_price: float) -> np.ndarray:
    """Swaps missing items into the lists that lose least, until the coverage floor is met."""
    lists = lists.copy()
    counts = np.bincount(problem.items[lists.ravel()], minlength=problem.n_items)
    while (missing := problem.min_covered - int((counts[1:] > 0).sum())) > 0:
        entries = np.flatnonzero(counts[problem.items] == 0)
        owner = _owners(problem, entries)
        best = np.full(len(entries), np.inf)
        where = np.zeros(len(entries), dtype=np.int64)
        for part in np.array_split(np.arange(len(entries)), len(entries) // 20_000 + 1):
            rows = lists[owner[part]]
            old, new = problem.items[rows], problem.items[entries[part]]
            worth = tail_price * (problem.tail[old].astype(float) - problem.tail[new][:, None])
            loss = _swap_loss(problem, rows, problem.gains[entries[part]], worth)
            loss[counts[old] < 2] = np.inf
            where[part], best[part] = loss.argmin(axis=1), loss.min(axis=1)
        done, touched = 0, set()
        for index in np.argsort(best, kind="stable"):
            user, item = int(owner[index]), int(problem.items[entries[index]])
            if done == missing or not np.isfinite(best[index]):
                break
            victim = problem.items[lists[user, where[index]]]
            if user in touched or counts[item] or counts[victim] < 2:
                continue
            _put(problem, lists, user, int(where[index]), int(entries[index]))
            counts[item], counts[victim] = 1, counts[victim] - 1
            touched.add(user)
            done += 1
        if not done:
            reached = int((counts[1:] > 0).sum())
            raise ConfigError(
                f"the coverage floor asks for {problem.min_covered} items and these candidates reached {reached} "
                f"of {problem.n_items - 1}: lower coverage, or give more best users for each item"
            )
    return lists


def _fill_tail(problem: ExposureProblem, lists: np.ndarray) -> np.ndarray:
    """Swaps head items for the best unlisted tail candidate of their user, cheapest first, without losing coverage."""
    lists = lists.copy()
    while (missing := problem.min_tail - int(problem.tail[problem.items[lists]].sum())) > 0:
        counts = np.bincount(problem.items[lists.ravel()], minlength=problem.n_items)
        slack = int((counts[1:] > 0).sum()) - problem.min_covered
        free = problem.tail[problem.items]
        free[lists.ravel()] = False
        entries = np.flatnonzero(free)
        users, first = np.unique(_owners(problem, entries), return_index=True)
        rows = lists[users]
        old = problem.items[rows]
        loss = _swap_loss(problem, rows, problem.gains[entries[first]], np.zeros((len(rows), 1)))
        loss[problem.tail[old] | ((counts[old] < 2) & (slack <= 0))] = np.inf
        where, best = loss.argmin(axis=1), loss.min(axis=1)
        done = 0
        for index in np.argsort(best, kind="stable"):
            if done == missing or not np.isfinite(best[index]):
                break
            victim, new = old[index, where[index]], problem.items[entries[first[index]]]
            alone = counts[victim] < 2
            if alone and slack <= 0:
                continue
            _put(problem, lists, int(users[index]), int(where[index]), int(entries[first[index]]))
            slack += int(counts[new] == 0) - int(alone)
            counts[victim], counts[new] = counts[victim] - 1, counts[new] + 1
            done += 1
        if not done:
            reached = (problem.min_tail - missing) / lists.size
            raise ConfigError(
                f"the tail floor asks for {problem.min_tail} of {lists.size} slots and these candidates reached a "
                f"tail share of {reached:.4f}: lower tail_share or coverage, or give more candidates"
            )
    return lists
