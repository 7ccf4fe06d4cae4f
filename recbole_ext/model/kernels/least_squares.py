"""Regularised least squares against vectors that stay fixed: half a step of alternating least squares."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

__all__ = ["solved_side"]

_BLOCK_ELEMENTS = 1 << 22


def solved_side(
    matrix: sp.csr_matrix, other: torch.Tensor, unobserved: float, regularisation: torch.Tensor
) -> torch.Tensor:
    """Solves for the vectors of one side that minimise the loss while the other side is fixed.

    Row u is the solution of (Σ_i v_i v_iᵀ + α V Vᵀ + λ_u I) w_u = Σ_i v_i, sums over the items i of u.

    Args:
        matrix: ``(n, m)`` binary interactions.
        other: ``(m, d) float32`` v; row 0 is padding and must be 0.
        unobserved: α, the weight of all pairs.
        regularisation: ``(n,) float32`` λ, above 0.

    Returns:
        ``(n, d) float32``, 0 for a row without interactions.
    """
    dimension = other.shape[1]
    gram = unobserved * (other.T @ other)
    lengths = np.diff(matrix.indptr)
    result = torch.zeros(matrix.shape[0], dimension)
    # Sorted by length, so that a batch has little padding.
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    identity = torch.eye(dimension)
    done = 0
    while done < len(order):
        rows = order[done : done + max(1, _BLOCK_ELEMENTS // dimension**2)]
        cost = np.arange(1, len(rows) + 1) * np.maximum(lengths[rows], dimension) * dimension
        rows = rows[: max(1, int(np.searchsorted(cost, _BLOCK_ELEMENTS, side="right")))]
        width = int(lengths[rows[-1]])
        place = np.arange(width)
        inside = place < lengths[rows, None]
        items = np.where(inside, matrix.indices[np.where(inside, matrix.indptr[rows, None] + place, 0)], 0)
        vectors = other[torch.from_numpy(items)]  # (b, width, d)
        system = vectors.transpose(1, 2) @ vectors + gram
        system += regularisation[torch.from_numpy(rows), None, None] * identity
        target = vectors.sum(dim=1)
        result[torch.from_numpy(rows)] = torch.cholesky_solve(
            target[:, :, None], torch.linalg.cholesky(system)
        ).squeeze(2)
        done += len(rows)
    return result
