"""Hits that popularity alone would not have given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.evaluator.groups import checked_counts
from recbole_ext.evaluator.metrics.coverage import checked_lists, relevant_positions

__all__ = ["popularity_probability", "serendipity"]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def popularity_probability(counts: Ints) -> Floats:
    """P_any(i) = (|I| + 1 - r(i)) / |I|, r = dense rank of i in the popularity list (RecTools).

    Items with equal counts share a rank (1 = most interactions); an item without training interactions
    is never in the popularity list and gets 0.

    Args:
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.

    Returns:
        (n_items,) float64 in [0, 1]; index 0 is 0.
    """
    clean = checked_counts(counts)
    n = len(clean) - 1
    level = np.unique(-clean, return_inverse=True)[1]
    return np.where(clean > 0, (n - level) / n, 0.0)


def serendipity(items: Ints, counts: Ints, indptr: Ints, indices: Ints) -> Floats:
    """``Serendipity`` = mean over i in L_u of max(P_u(i) - P_any(i), 0) relevant(u, i) (RecTools).

    P_u(i) = (|I| + 1 - position of i in L_u) / |I|, P_any from ``popularity_probability``. Equal to
    ``rectools.metrics.Serendipity`` with the whole catalogue; idea: Ge, Delgado-Battenfeld & Jannach,
    RecSys 2010.

    Args:
        items: (U, K) integers, best first, 0 = no recommendation.
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.
        indptr: (U + 1,) row offsets of the held-out items.
        indices: Held-out item ids of all users.

    Returns:
        (U,) float64 in [0, 1]; 0 for an empty list and for a user without held-out items.
    """
    probability = popularity_probability(counts)
    n_items = len(probability)
    lists = checked_lists(items, n_items)
    rows, columns = np.nonzero(relevant_positions(lists, indptr, indices, n_items))
    own = (n_items - 1 - columns) / (n_items - 1)
    gain = np.maximum(own - probability[lists[rows, columns]], 0.0)
    lengths = np.maximum((lists > 0).sum(axis=1), 1)
    return np.bincount(rows, weights=gain, minlength=len(lists)) / lengths
