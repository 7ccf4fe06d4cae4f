"""Sparse linear weights between items, solved for all items together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.general_recommender.closed_form import ItemWeights
from recbole_ext.model.kernels.elastic_net import elastic_net_columns
from recbole_ext.progress import tracked

__all__ = ["SLIM", "sparse_weights"]

_COLUMNS = 64
"""Items that a thread takes at a time."""


def sparse_weights(
    matrix: sp.csr_matrix, *, l1: float, l2: float, most_iterations: int, tolerance: float
) -> sp.csr_matrix:
    """Solves min ½ |X - X W|² + ½ l2 |W|² + l1 |W|₁ subject to W ≥ 0 and diag(W) = 0.

    Each column is an elastic net of its own, solved by coordinate descent on the Gram matrix.

    Args:
        matrix: ``(n_users, n) float32`` X, no entry below 0.
        l1, l2: Above 0.
        most_iterations: Passes over the weights of a column after which to give up.
        tolerance: Stop when no weight of the column changes by more in a pass.

    Returns:
        ``(n, n) float32``; column j rebuilds item j.

    Raises:
        RecBoleExtError: It has not converged.
    """
    gram = np.ascontiguousarray((matrix.T @ matrix).toarray(), dtype=np.float64)
    blocks = [np.arange(start, min(start + _COLUMNS, len(gram))) for start in range(0, len(gram), _COLUMNS)]

    def solved(columns: np.ndarray) -> tuple[sp.csr_matrix, bool]:
        found, converged = elastic_net_columns(gram, columns, l1, l2, most_iterations, tolerance)
        return sp.csr_matrix(found.astype(np.float32)), converged

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        parts = list(tracked(threads.map(solved, blocks), "solving for", len(blocks), "blocks of items"))
    if not all(converged for _, converged in parts):
        raise RecBoleExtError(
            f"SLIM has not converged to {tolerance:g} in {most_iterations} iterations: raise l2, max_iterations or "
            "tolerance"
        )
    return sp.vstack([found for found, _ in parts]).T.tocsr()


class SLIM(ItemWeights):
    """SLIM (Ning and Karypis, ICDM 2011): each item is rebuilt from few others with weights above 0.

    W minimises ½ |X - X W|² + ½ ``l2`` |W|² + ``l1`` |W|₁ subject to W ≥ 0 and diag(W) = 0 over the binary training
    matrix X; score(u, j) = (x_u W)_j. RecBole's SLIMElastic solves the same problem one item after the other, with
    l1 = alpha · l1_ratio · users and l2 = alpha · (1 - l1_ratio) · users, and keeps a constant term of 0. The Gram
    matrix is kept while the model is fitted: 8 n² bytes for n items.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.w = sparse_weights(
            self.interaction_matrix,
            l1=float(config["l1"]),
            l2=float(config["l2"]),
            most_iterations=int(config["max_iterations"]),
            tolerance=float(config["tolerance"]),
        )
