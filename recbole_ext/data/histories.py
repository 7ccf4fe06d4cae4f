"""Histories of people: what a model is asked to continue, in training or never seen before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recbole_ext.data.interactions import Split
from recbole_ext.errors import DataError

__all__ = ["Histories"]


@dataclass(frozen=True)
class Histories:
    """The histories of P persons, concatenated, oldest item first.

    Attributes:
        items: ``(n,) int64`` internal item ids, at least 1.
        indptr: ``(P + 1,) int64``; person p has the rows ``indptr[p]:indptr[p + 1]``.
        times: ``(n,) int64`` seconds; None if they are unknown.
        users: ``(P,) int64`` internal user ids; 0 for a person who was never seen.

    Raises:
        DataError: The lengths do not agree, or an item id is below 1.
    """

    items: np.ndarray
    indptr: np.ndarray
    times: np.ndarray | None
    users: np.ndarray

    def __post_init__(self) -> None:
        lengths = {"items": int(self.indptr[-1]), "users": len(self.indptr) - 1}
        if self.times is not None:
            lengths["times"] = lengths["items"]
        for name, wanted in lengths.items():
            if len(getattr(self, name)) != wanted:
                raise DataError(
                    f"histories have {len(getattr(self, name))} {name}, but their offsets need {wanted}: give {wanted}"
                )
        if len(self.items) and self.items.min() < 1:
            raise DataError(
                f"histories hold the item id {self.items.min()}: leave padding and unknown items out, ids start at 1"
            )

    @classmethod
    def before(cls, split: Split, phase: int, users: np.ndarray) -> Histories:
        """What users ``(P,) int64`` had before a phase: training items for ``VALID``, also validation for ``TEST``."""
        start, stop = (border[users] for border in split.before(phase))
        length = stop - start
        indptr = np.concatenate([[0], np.cumsum(length)])
        rows = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], length)
        data = split.interactions
        return cls(data.items[rows].astype(np.int64), indptr, data.times[rows], np.asarray(users, np.int64))

    def __len__(self) -> int:
        """P."""
        return len(self.users)

    @property
    def lengths(self) -> np.ndarray:
        """``(P,) int64`` items of each person."""
        return np.diff(self.indptr)

    @property
    def rows(self) -> np.ndarray:
        """``(n,) int64`` person of each item."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def ages(self) -> np.ndarray:
        """``(n,) int64`` number of later items of the same person: 0 for the most recent one."""
        return np.repeat(self.indptr[1:], self.lengths) - 1 - np.arange(len(self.items))

    def matrix(self, n_items: int) -> sp.csr_matrix:
        """``(P, n_items) float32``: 1 where a person has an item, however often."""
        place = self.rows, self.items
        found = sp.csr_matrix((np.ones(len(self.items), np.float32), place), shape=(len(self), n_items))
        found.data[:] = 1
        return found

    def without_each(self) -> Histories:
        """The first person's history again and again, each time without another one of its items."""
        length = int(self.indptr[1])
        kept = ~np.eye(length, dtype=bool).ravel()
        indptr = np.arange(length + 1) * (length - 1)
        items, times = (
            None if column is None else np.tile(column[:length], length)[kept]
            for column in (self.items, self.times)
        )
        assert items is not None
        return Histories(items, indptr, times, np.repeat(self.users[:1], length))
