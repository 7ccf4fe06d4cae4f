"""Sparse linear weights between items, solved for all items together."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.general_recommender.closed_form import ItemWeights

__all__ = ["SLIM", "sparse_weights"]


def sparse_weights(
    matrix: sp.csr_matrix, *, l1: float, l2: float, most_iterations: int, tolerance: float
) -> sp.csr_matrix:
    """Solves min ½ |X - X W|² + ½ l2 |W|² + l1 |W|₁ subject to W ≥ 0 and diag(W) = 0.

    By the alternating direction method of multipliers, as Steck et al. (WSDM 2020) solve a like problem. It is
    convex, so that the route does not matter: all columns descend together in products of whole matrices instead of
    coordinate by coordinate.

    Args:
        matrix: ``(n_users, n) float32`` X.
        l1, l2: Above 0.
        most_iterations: When to give up.
        tolerance: Stop when neither the two copies of W differ, nor W changes, by more in any entry.

    Returns:
        ``(n, n) float32``; column j rebuilds item j.

    Raises:
        RecBoleExtError: It has not converged.
    """
    gram = np.asarray((matrix.T @ matrix).todense(), dtype=np.float64)
    n = len(gram)
    # Any rho gives the solution; one between the smallest and the largest curvature gives it in few iterations.
    popular = gram.sum(axis=0)
    largest = float(np.linalg.norm(gram @ popular) / max(float(np.linalg.norm(popular)), 1e-12))
    rho = max(l2, 0.5 * float(np.sqrt(l2 * largest)))
    inverse = np.linalg.inv(gram + (l2 + rho) * np.identity(n)).astype(np.float32)
    fixed = (inverse @ gram).astype(np.float32)
    diagonal = np.diag(inverse).copy()
    weights, dual = np.zeros((2, n, n), dtype=np.float32)
    for _ in range(most_iterations):
        # dual is scaled by rho.
        dense = fixed + rho * (inverse @ (weights - dual))
        dense -= inverse * (np.diag(dense) / diagonal)
        before = weights
        weights = np.maximum(dense + dual - l1 / rho, 0)
        np.fill_diagonal(weights, 0)
        dual += dense - weights
        if max(np.abs(dense - weights).max(), np.abs(weights - before).max()) <= tolerance:
            return sp.csr_matrix(weights)
    raise RecBoleExtError(
        f"SLIM has not converged to {tolerance:g} in {most_iterations} iterations: raise l2, max_iterations or "
        "tolerance"
    )


class SLIM(ItemWeights):
    """SLIM (Ning and Karypis, ICDM 2011): each item is rebuilt from few others with weights above 0.

    W minimises ½ |X - X W|² + ½ ``l2`` |W|² + ``l1`` |W|₁ subject to W ≥ 0 and diag(W) = 0 over the binary training
    matrix X; score(u, j) = (x_u W)_j. RecBole's SLIMElastic solves the same problem one item after the other, with
    l1 = alpha · l1_ratio · users and l2 = alpha · (1 - l1_ratio) · users, and keeps a constant term of 0. The Gram
    matrix and three more of its size are kept while the model is fitted: 16 n² bytes for n items.
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
