"""A sparse matrix built from dense blocks of rows that keeps the largest values of each row."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.evaluator.ranking import top_k

__all__ = ["LargestRows"]


class LargestRows:
    """Collects rows and stores their largest values above 0.

    Args:
        n_columns: Number of columns of the matrix; column 0 is padding.
        k: Number of values to keep per row, ties by the smaller column; all if None.
    """

    def __init__(self, n_columns: int, k: int | None = None) -> None:
        self.n_columns, self.k = n_columns, k
        self._values: list[np.ndarray] = []
        self._columns: list[np.ndarray] = []
        self._lengths: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Appends non-negative rows ``(I, n_columns) float32``; ``block`` is changed in place."""
        if self.k is not None and self.k < self.n_columns - 1:
            crowded = np.flatnonzero(np.count_nonzero(block, axis=1) > self.k)
            if len(crowded):
                values = torch.from_numpy(block[crowded])
                kept, _ = top_k(values, self.k, above=0.0)
                block[crowded] = torch.zeros_like(values).scatter_(1, kept, values.gather(1, kept)).numpy()
        row, column = np.nonzero(block)
        self._values.append(block[row, column])
        self._columns.append(column.astype(np.int32))
        self._lengths.append(np.bincount(row, minlength=len(block)))

    def matrix(self) -> sp.csr_matrix:
        """Returns the ``(rows, n_columns) float32`` matrix, columns sorted."""
        lengths = np.concatenate(self._lengths)
        parts = (
            np.concatenate(self._values),
            np.concatenate(self._columns),
            np.concatenate([[0], lengths.cumsum()]),
        )
        return sp.csr_matrix(parts, shape=(len(lengths), self.n_columns))
