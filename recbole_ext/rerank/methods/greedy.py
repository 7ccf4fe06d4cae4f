"""The two greedy loops over list positions shared by xquad, calibrated and mmr; users are vectorised."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recbole_ext.rerank.methods.candidates import Floats, Ints

__all__ = ["greedy", "greedy_over_groups"]


def greedy(
    base: Floats, k: int, bonus: Callable[[int], Floats], add: Callable[[Ints], None]
) -> tuple[Ints, Floats]:
    """Takes the candidate with the largest ``base + bonus`` k times; ties by the smaller position.

    Args:
        base: ``(B, N) float64``, -inf where there is no candidate; changed in place.
        k: Number of steps.
        bonus: Maps the number of items taken so far to ``(B, N) float64`` finite terms.
        add: Receives the ``(B,)`` positions just taken.

    Returns:
        ``(B, k)`` positions and ``(B, k)`` values at which they were taken.
    """
    rows = np.arange(len(base))
    positions = np.zeros((len(base), k), dtype=np.int64)
    values = np.zeros((len(base), k))
    for size in range(k):
        total = base + bonus(size)
        best = total.argmax(axis=1)
        positions[:, size], values[:, size] = best, total[rows, best]
        base[rows, best] = -np.inf
        add(best)
    return positions, values


def greedy_over_groups(
    base: Floats, groups: Ints, n_groups: int, k: int, bonus: Callable[[Floats, int], Floats]
) -> tuple[Ints, Floats]:
    """``greedy`` for a bonus that depends only on the candidate's group: the same lists at the cost of a merge.

    Within a group, the candidate with the largest base comes first and always wins, so only the first untaken
    candidate of each group competes.

    Args:
        base: ``(B, N) float64``, non-increasing along a row.
        groups: ``(B, N) int64`` group of each candidate, -1 where there is none.
        n_groups: Number of groups C.
        k: Number of steps; every row has at least k candidates.
        bonus: Maps ``(B, C)`` counts of taken items by group, and their sum, to ``(B, C) float64`` terms.

    Returns:
        ``(B, k)`` positions and ``(B, k)`` values at which they were taken.
    """
    n_rows, width = base.shape
    rows = np.arange(n_rows)
    queues = _first_of_each_group(groups, n_groups, k)
    padded = np.column_stack([base, np.full(n_rows, -np.inf)])
    taken = np.zeros((n_rows, n_groups), dtype=np.int64)
    positions = np.zeros((n_rows, k), dtype=np.int64)
    values = np.zeros((n_rows, k))
    for size in range(k):
        front = np.take_along_axis(queues, taken[:, :, None], axis=2)[:, :, 0]  # (B, C)
        total = np.take_along_axis(padded, front, axis=1) + bonus(taken.astype(np.float64), size)
        value = total.max(axis=1)
        group = np.where(total == value[:, None], front, width + 1).argmin(axis=1)
        positions[:, size], values[:, size] = front[rows, group], value
        taken[rows, group] += 1
    return positions, values


def _first_of_each_group(groups: Ints, n_groups: int, k: int) -> Ints:
    """``(B, C, k)`` positions of each group's first k candidates; N past the last one."""
    n_rows, width = groups.shape
    queues = np.full((n_rows, n_groups, k), width, dtype=np.int64)
    for group in range(n_groups):
        mine = groups == group
        rank = np.cumsum(mine, axis=1, dtype=np.int32)
        rows, columns = np.nonzero(mine & (rank <= k))
        queues[rows, group, rank[rows, columns] - 1] = columns
    return queues
