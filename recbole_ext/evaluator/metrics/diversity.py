"""How different the items of one list are from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import DataError
from recbole_ext.evaluator.metrics.coverage import checked_lists

__all__ = ["intra_list_diversity", "unit_vectors"]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

_BLOCK_ELEMENTS = 1 << 21


def unit_vectors(features: npt.NDArray[Any]) -> Floats:
    """Rows scaled to length 1; a row of zeros (padding, an item without genres) stays zero.

    Args:
        features: (n_items, G) numbers or booleans, for example one column per genre.

    Returns:
        (n_items, G) float64.

    Raises:
        DataError: If the table is malformed or has NaN or infinity.
    """
    table = np.asarray(features, dtype=np.float64)
    if table.ndim != 2:
        raise DataError(f"Item features must be a table (items, features), but have shape {table.shape}.")
    if not np.isfinite(table).all():
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise DataError(f"Item features of item id {row} hold NaN or infinity; give finite numbers.")
    length = np.linalg.norm(table, axis=1, keepdims=True)
    return np.divide(table, length, out=np.zeros_like(table), where=length > 0)


def intra_list_diversity(items: Ints, features: npt.NDArray[Any]) -> Floats:
    """``IntraListDiversity`` = mean over pairs i, j of L_u of 1 - cosine(g_i, g_j) (Ziegler et al. 2005).

    The sum of all cosines in a list is (|sum of unit vectors|^2 - sum of |unit vector|^2) / 2, so no
    pair is ever formed. An item without genres is similar to nothing: cosine 0 with every other item.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        features: (n_items, G) genre vectors; row 0 (padding) is ignored.

    Returns:
        (U,) float64 in [0, 1] for features >= 0; 0 for a list of fewer than two items.
    """
    vectors = unit_vectors(features)
    lists = checked_lists(items, len(vectors))
    vectors[0] = 0.0
    squares = (vectors**2).sum(axis=1)
    lengths = (lists > 0).sum(axis=1)
    summed = np.empty(len(lists))
    block = max(1, _BLOCK_ELEMENTS // max(lists.shape[1] * vectors.shape[1], 1))
    for start in range(0, len(lists), block):
        part = lists[start : start + block]
        total = vectors[part].sum(axis=1)  # (block, G)
        summed[start : start + block] = (total**2).sum(axis=1)
    cosines = summed - squares[lists].sum(axis=1)
    pairs = lengths * (lengths - 1)
    diversity = 1.0 - np.divide(cosines, pairs, out=np.ones(len(lists)), where=pairs > 0)
    # Rounding alone can leave the range that the definition guarantees.
    return np.clip(diversity, 0.0, 2.0)
