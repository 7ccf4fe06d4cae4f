"""Candidate lists, the validated input of every re-ranker, and the scaling and selection that the rules share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import DataError

__all__ = ["Candidates", "row_blocks", "scaled_scores", "top_positions"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Cells of one block of rows: a few temporaries of this size fit into the CPU cache.
_BLOCK_CELLS = 1 << 17


def row_blocks(n_rows: int, cells_per_row: int, cells: int = _BLOCK_CELLS) -> Iterator[slice]:
    """Yields slices that cut rows into blocks of about ``cells`` cells, at least one row each.

    Args:
        n_rows: Total number of rows.
        cells_per_row: Number of cells per row.
        cells: Number of cells per block.
    """
    step = max(1, cells // max(1, cells_per_row))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best N items of each user before re-ranking, best first.

    Attributes:
        items: ``(U, N) int64`` internal ids, 0 = none, right-padded; no item twice in a row.
        scores: ``(U, N) float64``, non-increasing along a row, -inf exactly where there is no item.

    Raises:
        DataError: The tables violate this format; the message names the first faulty user row.
    """

    items: Ints
    scores: Floats

    def __post_init__(self) -> None:
        items, scores = np.asarray(self.items), np.asarray(self.scores)
        if items.ndim != 2 or items.shape != scores.shape:
            raise DataError(
                f"items {items.shape} and scores {scores.shape} must be two tables of one shape (users, N)"
            )
        if not np.issubdtype(items.dtype, np.integer) or scores.dtype.kind not in "fiu":
            raise DataError(
                f"items are {items.dtype} and scores are {scores.dtype}: give integers and real numbers"
            )
        object.__setattr__(self, "items", items.astype(np.int64, copy=False))
        object.__setattr__(self, "scores", scores.astype(np.float64, copy=False))
        for rows in row_blocks(*items.shape):
            _check_rows(self.items[rows], self.scores[rows], rows.start)

    @property
    def n_users(self) -> int:
        """Number of user rows U."""
        return len(self.items)

    @property
    def depth(self) -> int:
        """Width N of the tables."""
        return self.items.shape[1]

    def counts(self) -> Ints:
        """``(U,) int64`` number of candidates of each user."""
        return np.count_nonzero(self.items, axis=1).astype(np.int64)


def _check_rows(items: Ints, scores: Floats, first_row: int) -> None:
    there = items > 0
    ids = np.sort(items, axis=1)
    complaints = (
        (
            np.isnan(scores) | np.isposinf(scores),
            "has a score that is NaN or +infinity: mask items with -inf and fix the model's scores",
        ),
        (items < 0, "has a negative item id: give ids from 1 on, 0 for none"),
        (there != (scores > -np.inf), "must have -inf exactly where there is no item (id 0)"),
        (there[:, 1:] & ~there[:, :-1], "has a gap: put the padding behind the last candidate"),
        (scores[:, 1:] > scores[:, :-1], "is not in order: give the best candidate first"),
        ((ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] > 0), "has one candidate twice: give each item once"),
    )
    for wrong, complaint in complaints:
        if wrong.any():
            raise DataError(f"user row {first_row + int(wrong.any(axis=1).argmax())} {complaint}")


def top_positions(values: npt.NDArray[Any], k: int) -> Ints:
    """Finds the positions of the k largest values of each row, best first, ties by the smaller position.

    The cost is one partition and one sort of k values; unlike plain ``argpartition``, ties are exact.

    Args:
        values: ``(B, N)`` numbers without NaN.
        k: At most N.

    Returns:
        ``(B, k) int64``.
    """
    n_rows, width = values.shape
    if k < width:
        bound = np.partition(values, width - k, axis=1)[:, width - k, None]
        chosen = values > bound
        equal = values == bound
        room = k - np.count_nonzero(chosen, axis=1)
        crowded = np.flatnonzero(np.count_nonzero(equal, axis=1) > room)
        equal[crowded] &= np.cumsum(equal[crowded], axis=1) <= room[crowded, None]
        chosen |= equal
        positions = np.nonzero(chosen)[1].reshape(n_rows, k)
    else:
        positions = np.broadcast_to(np.arange(width), (n_rows, width))
    order = np.argsort(-np.take_along_axis(values, positions, axis=1), axis=1, kind="stable")
    return np.take_along_axis(positions, order, axis=1).astype(np.int64, copy=False)


def scaled_scores(items: Ints, scores: Floats) -> Floats:
    """Computes the s of every rule: scores min-max scaled per user over the user's candidates.

    Args:
        items: ``(B, N) int64`` as in ``Candidates``.
        scores: ``(B, N) float64`` as in ``Candidates``.

    Returns:
        ``(B, N) float64`` from 1 (best) down to 0 (last); 0 for every candidate of a user whose scores are all
        equal (no preference), and 0 where there is no candidate.
    """
    there = items > 0
    last = np.maximum(np.count_nonzero(there, axis=1) - 1, 0)
    filled = np.where(there, scores, 0.0)
    rows = np.arange(len(filled))
    with np.errstate(over="ignore"):
        # Halved, because scores at both ends of the float range have an infinite difference.
        filled *= np.where(np.isfinite(filled[:, 0] - filled[rows, last]), 1.0, 0.5)[:, None]
    low = filled[rows, last][:, None]
    span = filled[:, :1] - low
    differ = there & (span > 0)
    rise = np.subtract(filled, low, out=np.zeros_like(filled), where=differ)
    return np.divide(rise, span, out=rise, where=differ)
