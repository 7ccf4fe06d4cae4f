"""Elastic nets of the columns of a matrix by coordinate descent on its Gram matrix."""

from __future__ import annotations

import numpy as np

from recbole_ext.compiled import compiled

__all__ = ["elastic_net_columns"]


@compiled
def elastic_net_columns(
    gram: np.ndarray, columns: np.ndarray, l1: float, l2: float, most_passes: int, tolerance: float
) -> tuple[np.ndarray, bool]:
    """Solves min ½ |x_j - X w|² + ½ l2 |w|² + l1 |w|₁ subject to w ≥ 0 and w_j = 0 for some columns j of X.

    Coordinate by coordinate, w_i becomes max(0, r_i + X_i · X_i w_i - l1) / (X_i · X_i + l2) with the residual
    correlation r_i = X_i · (x_j - X w) (Friedman et al. 2010). As no weight and no entry of the Gram matrix is below 0,
    r_i is at most X_i · x_j, so that only items with X_i · x_j > l1 can have a weight. Passes over those are made until
    one changes nothing by more than the tolerance; in between, only the weights above 0 are descended.

    Args:
        gram: ``(n, n) float64`` X' X, no entry below 0.
        columns: ``(m,) int64`` j.
        l1, l2: Above 0.
        most_passes: When to give up, for each column.
        tolerance: Stop when no weight changes by more in a pass.

    Returns:
        ``(m, n) float64`` w of each column, and whether all of them have converged.
    """
    found = np.zeros((len(columns), len(gram)))
    for number in range(len(columns)):
        if not _descend(gram, columns[number], found[number], l1, l2, most_passes, tolerance):
            return found, False
    return found, True


@compiled
def _descend(
    gram: np.ndarray, j: int, w: np.ndarray, l1: float, l2: float, most_passes: int, tolerance: float
) -> bool:
    """Solves one column in place of ``w (n,)``, which is 0; whether it has converged."""
    rest = gram[j].copy()
    possible = rest > l1
    possible[j] = False
    candidates = np.flatnonzero(possible)
    active, whole = candidates, True
    for _ in range(most_passes):
        largest = _pass(gram, candidates if whole else active, w, rest, l1, l2)
        if whole and largest <= tolerance:
            return True
        if whole:
            active = candidates[w[candidates] > 0.0]
        whole = not whole and largest <= tolerance
    return False


@compiled
def _pass(
    gram: np.ndarray, items: np.ndarray, w: np.ndarray, rest: np.ndarray, l1: float, l2: float
) -> float:
    """Descends some coordinates once, in place; the largest change."""
    largest = 0.0
    for i in items:
        row = gram[i]
        change = max(0.0, (rest[i] + row[i] * w[i] - l1) / (row[i] + l2)) - w[i]
        if change != 0.0:
            w[i] += change
            for other in range(len(rest)):
                rest[other] -= change * row[other]
            largest = max(largest, abs(change))
    return largest
