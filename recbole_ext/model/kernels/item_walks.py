"""Weights between items by random walks over users."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from recbole_ext.model.kernels.largest_rows import LargestRows
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["item_walks"]

_BLOCK_ELEMENTS = 1 << 21


def item_walks(
    matrix: sp.csr_matrix, *, power: float, target_popularity: float, k: int, normalise: bool
) -> sp.csr_matrix:
    """Walks from item to user to item: w(i, j) = Σ_u (x_ui / φ(i))^α (x_uj / n_u)^α / φ(j)^β, 0 on the diagonal.

    Args:
        matrix: ``(n_users, n_items) float32`` binary x; column 0 is padding.
        power: α.
        target_popularity: β.
        k: Number of weights that each row keeps, the largest.
        normalise: Whether each row is then divided by its sum.

    Returns:
        ``(n_items, n_items) float32``.
    """
    n_items = matrix.shape[1]
    popularity, activity = (
        np.maximum(np.asarray(matrix.sum(axis=axis)).ravel(), 1).astype(np.float64) for axis in (0, 1)
    )
    to_user = (sp.diags(popularity**-power) @ matrix.T).tocsr().astype(np.float32)
    discount = sp.diags(popularity**-target_popularity)
    to_item = (sp.diags(activity**-power) @ matrix @ discount).tocsr().astype(np.float32)
    rows, step = LargestRows(n_items, k), max(1, _BLOCK_ELEMENTS // n_items)
    for start in range(0, n_items, step):
        block = dense_product(to_user[start : start + step], to_item)  # (step, n_items)
        block.diagonal(start).zero_()
        rows.add(block.numpy())
    found = rows.matrix()
    if normalise:
        total = np.asarray(found.sum(axis=1)).ravel()
        found.data /= np.repeat(total, np.diff(found.indptr))
    return found
