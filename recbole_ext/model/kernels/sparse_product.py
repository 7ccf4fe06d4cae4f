"""Products of sparse matrices whose result is nearly dense."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
import torch

__all__ = ["dense_product"]


def _shared(matrix: sp.csr_matrix) -> torch.Tensor:
    """Wraps the matrix in a tensor that shares its memory."""
    indptr, indices, data = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse ")  # torch calls its own CSR format beta
        return torch.sparse_csr_tensor(indptr, indices, data, size=matrix.shape, check_invariants=False)


def dense_product(left: sp.csr_matrix, right: sp.csr_matrix) -> torch.Tensor:
    """Computes ``left @ right`` as a dense block.

    scipy's sparse product counts the non-zeros, links them and needs a final copy into a dense block. MKL, which most
    builds of torch include, accumulates directly into the dense block.

    Args:
        left: ``(B, n) float32``.
        right: ``(n, m) float32``.

    Returns:
        ``(B, m) float32``, on the CPU.
    """
    if not torch.backends.mkl.is_available():
        return torch.from_numpy(np.ascontiguousarray((left @ right).toarray()))
    out = torch.empty(left.shape[0], right.shape[1])
    return torch.addmm(out, _shared(left), _shared(right), beta=0)
