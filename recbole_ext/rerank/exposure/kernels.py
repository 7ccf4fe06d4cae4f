"""The compiled dynamic programs of the exposure problem: one user after the other, exact."""

from __future__ import annotations

import numpy as np

from recbole_ext.compiled import compiled

__all__ = ["best_lists", "through_losses"]


@compiled
def best_lists(
    indptr: np.ndarray,
    gains: np.ndarray,
    bonus: np.ndarray,
    discount: np.ndarray,
    lists: np.ndarray,
    values: np.ndarray,
) -> None:
    """Every user's best list of K entries in falling gain, by dynamic programming over (entries so far, places filled).

    Args:
        indptr: ``(U + 1,) int64`` offsets of the users' entries.
        gains: ``(E,) float64`` by falling gain within a user.
        bonus: ``(E,) float64`` worth of an entry at any position.
        discount: ``(K,) float64`` weight of each position.
        lists: ``(U, K) int64``, filled with entries, first position first.
        values: ``(U,) float64``, filled with the values of the lists.
    """
    k = len(discount)
    widest = 0
    for user in range(len(values)):
        widest = max(widest, indptr[user + 1] - indptr[user])
    take = np.zeros((widest, k), dtype=np.bool_)
    value = np.empty(k + 1)
    for user in range(len(values)):
        first, end = indptr[user], indptr[user + 1]
        value[:] = -np.inf
        value[0] = 0.0
        for entry in range(first, end):
            row = take[entry - first]
            for j in range(k - 1, -1, -1):
                with_entry = value[j] + discount[j] * gains[entry] + bonus[entry]
                row[j] = with_entry > value[j + 1]
                if row[j]:
                    value[j + 1] = with_entry
        values[user] = value[k]
        need = k
        for entry in range(end - 1, first - 1, -1):
            if need > 0 and take[entry - first, need - 1]:
                need -= 1
                lists[user, need] = entry


@compiled
def through_losses(
    indptr: np.ndarray,
    gains: np.ndarray,
    bonus: np.ndarray,
    discount: np.ndarray,
    users: np.ndarray,
    losses: np.ndarray,
) -> None:
    """A user's loss from having an entry at a position, against the best list.

    Args:
        indptr, gains, bonus, discount: As in :func:`best_lists`.
        users: ``(B,) int64`` the users to look at.
        losses: ``(B, N, K) float64``, N the most entries of a user; filled, infinite where impossible.
    """
    k, width = len(discount), losses.shape[1]
    before = np.empty((width + 1, k + 1))
    after = np.empty(k + 1)
    for row, user in enumerate(users):
        first, size = indptr[user], indptr[user + 1] - indptr[user]
        before[0] = -np.inf
        before[:, 0] = 0.0
        for n in range(size):
            gain, worth = gains[first + n], bonus[first + n]
            for j in range(k):
                before[n + 1, j + 1] = max(before[n, j] + discount[j] * gain + worth, before[n, j + 1])
        best = before[size, k]
        losses[row, size:] = np.inf
        # after[j] is the best value of the last j positions by the entries behind the present one.
        after[:] = -np.inf
        after[0] = 0.0
        for n in range(size - 1, -1, -1):
            gain, worth = gains[first + n], bonus[first + n]
            for j in range(k):
                own = discount[j] * gain + worth
                losses[row, n, j] = best - (before[n, j] + own + after[k - 1 - j])
            for j in range(k - 1, -1, -1):
                after[j + 1] = max(after[j] + discount[k - 1 - j] * gain + worth, after[j + 1])
