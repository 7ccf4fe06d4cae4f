"""A product of two sparse matrices, divided, of which each row keeps its largest values: one compiled pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.compiled import compiled

__all__ = ["nearest_rows"]

_ROWS = 256
"""Rows that a thread takes at a time."""


def nearest_rows(
    left: sp.csr_matrix,
    right: sp.csr_matrix,
    k: int,
    *,
    divisors: Callable[[int, int], np.ndarray],
    skipped: np.ndarray,
) -> sp.csr_matrix:
    """The k largest values above 0 of each row of ``left @ right``, divided by element; ties by the smaller column.

    The product of one row is added up in a dense row, from which a heap takes the largest: nothing of the size of the
    product is kept. Row blocks are dealt to as many threads as torch has.

    Args:
        left: ``(B, n) float32``, no value below 0.
        right: ``(n, m) float32``, no value below 0; column 0 is padding.
        k: At least 1.
        divisors: From two rows start and stop to what the values of the rows between are divided by,
            ``(stop - start, m) float32``, above 0.
        skipped: ``(B,) int64`` column of each row that is left out, such as the row itself.

    Returns:
        ``(B, m) float32``, columns ascending.
    """
    n_rows, n_columns = left.shape[0], right.shape[1]
    width = min(k, n_columns)
    values = np.zeros((n_rows, width), np.float32)
    columns = np.zeros((n_rows, width), np.int32)
    lengths = np.zeros(n_rows, np.int64)
    (ip, ii, iv), (jp, ji, jv) = _parts(left), _parts(right)

    def fill(start: int) -> None:
        stop = min(start + _ROWS, n_rows)
        _fill(ip, ii, iv, jp, ji, jv, divisors(start, stop), skipped, start, values, columns, lengths)

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(fill, range(0, n_rows, _ROWS)))
    kept = np.arange(width) < lengths[:, None]
    parts = values[kept], columns[kept], np.concatenate([[0], np.cumsum(lengths)])
    return sp.csr_matrix(parts, shape=(n_rows, n_columns))


def _parts(matrix: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, columns and values in the types that the compiled code has been made for."""
    return (
        np.ascontiguousarray(matrix.indptr, np.int64),
        np.ascontiguousarray(matrix.indices, np.int32),
        np.ascontiguousarray(matrix.data, np.float32),
    )


@compiled
def _fill(
    left_indptr: np.ndarray,
    left_indices: np.ndarray,
    left_data: np.ndarray,
    right_indptr: np.ndarray,
    right_indices: np.ndarray,
    right_data: np.ndarray,
    divisors: np.ndarray,
    skipped: np.ndarray,
    first: int,
    values: np.ndarray,
    columns: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Fills as many rows of values, columns and lengths as there are divisors, from the first on."""
    total = np.zeros(divisors.shape[1], np.float32)
    for place in range(len(divisors)):
        row = first + place
        for at in range(left_indptr[row], left_indptr[row + 1]):
            middle, weight = left_indices[at], left_data[at]
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                total[right_indices[other]] += weight * right_data[other]
        total[skipped[row]] = 0.0
        total /= divisors[place]
        lengths[row] = _largest(total, values[row], columns[row])
        total[:] = 0.0


@compiled
def _largest(total: np.ndarray, values: np.ndarray, columns: np.ndarray) -> int:
    """Writes the largest values above 0, by ascending column, and returns their number.

    The smallest kept value, of the largest column among equals, is the root of a heap.
    """
    count, width = 0, len(values)
    for column in range(1, len(total)):
        value = total[column]
        if value <= 0.0 or (count == width and value <= values[0]):
            continue
        if count < width:
            values[count], columns[count] = value, column
            count += 1
            if count == width:
                for node in range(width // 2 - 1, -1, -1):
                    _sink(values, columns, node)
        else:
            values[0], columns[0] = value, column
            _sink(values, columns, 0)
    order = np.argsort(columns[:count])
    values[:count], columns[:count] = values[:count][order], columns[:count][order]
    return count


@compiled
def _sink(values: np.ndarray, columns: np.ndarray, node: int) -> None:
    """Moves an entry of a full heap down to its place."""
    value, column, width = values[node], columns[node], len(values)
    while 2 * node + 1 < width:
        child = 2 * node + 1
        if child + 1 < width and _before(values, columns, child + 1, values[child], columns[child]):
            child += 1
        if not _before(values, columns, child, value, column):
            break
        values[node], columns[node] = values[child], columns[child]
        node = child
    values[node], columns[node] = value, column


@compiled
def _before(values: np.ndarray, columns: np.ndarray, node: int, value: float, column: int) -> bool:
    """Whether an entry of the heap leaves it earlier than another: the smaller value, then the larger column."""
    return bool(values[node] < value or (values[node] == value and columns[node] > column))
