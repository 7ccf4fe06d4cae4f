"""Weights of features before similarities: rare ones tell more, long rows less."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

__all__ = ["FEATURE_WEIGHTS", "weighted_rows"]

FEATURE_WEIGHTS = ("none", "idf", "bm25")
"""How the columns of binary rows are weighted."""

_BM25_K, _BM25_B = 1.2, 0.75


def weighted_rows(matrix: sp.csr_matrix, kind: str, training: sp.csr_matrix) -> sp.csr_matrix:
    """Multiplies x_rc by v(r, c), which counts the entries of a training matrix with R rows.

    ``none``: 1. ``idf``: ln(R / rows of c). ``bm25``: ln(R / (1 + rows of c)), at least 0, times
    (K + 1) / (1 + K (1 - B + B n_r / mean n)) with n_r the sum of row r, K = 1.2, B = 0.75.

    Args:
        matrix: ``(P, n) float32`` rows.
        kind: One of ``FEATURE_WEIGHTS``.
        training: ``(m, n) float32``; empty rows, such as padding, do not count.

    Returns:
        ``(P, n) float32``; the matrix itself for ``none``.
    """
    if kind == "none":
        return matrix
    owners, lengths = (np.asarray(training.sum(axis=axis)).ravel().astype(np.float64) for axis in (0, 1))
    rows = np.count_nonzero(lengths)
    if kind == "idf":
        return (matrix @ sp.diags(np.log(rows / np.maximum(owners, 1)))).tocsr().astype(np.float32)
    rarity = np.maximum(np.log(rows / (1 + owners)), 0)
    relative = np.asarray(matrix.sum(axis=1)).ravel().astype(np.float64) / lengths[lengths > 0].mean()
    saturation = (_BM25_K + 1) / (1 + _BM25_K * (1 - _BM25_B + _BM25_B * relative))
    return (sp.diags(saturation) @ matrix @ sp.diags(rarity)).tocsr().astype(np.float32)
