"""One figure for a front of two objectives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["hypervolume"]


def hypervolume(points: npt.ArrayLike, reference: tuple[float, float] = (0.0, 0.0)) -> float:
    """Area that the points dominate above a reference point (Zitzler and Thiele, PPSN 1998); larger is better.

    Args:
        points: ``(n, 2)`` values of two objectives, larger is better; dominated points add nothing.
        reference: A point below the front; what lies below it counts nothing.
    """
    above = np.asarray(points, dtype=np.float64).reshape(-1, 2) - reference
    above = above[(above > 0).all(axis=1)]
    above = above[np.lexsort((-above[:, 1], -above[:, 0]))]
    reached = np.maximum.accumulate(above[:, 1]) if len(above) else above[:, 1]
    return float((above[:, 0] * np.diff(reached, prepend=0.0)).sum())
