"""Histories of people: what a model is asked to continue, in training or never seen before."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from recbole_ext.data.interactions import TRAIN, Interactions, Split
from recbole_ext.errors import DataError

__all__ = ["SECONDS_A_DAY", "Histories"]

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Histories:
    """The histories of P persons, concatenated, oldest item first.

    Attributes:
        items: ``(n,) int64`` internal item ids, at least 1.
        indptr: ``(P + 1,) int64``; person p has the rows ``indptr[p]:indptr[p + 1]``.
        times: ``(n,) int64`` seconds; None if they are unknown.
        users: ``(P,) int64`` internal user ids; 0 for a person who was never seen.
        weights: ``(n,) float64`` weights of the items, for models whose row has weights; None if all are 1.

    Raises:
        DataError: The lengths do not agree, or an item id is below 1.
    """

    items: np.ndarray
    indptr: np.ndarray
    times: np.ndarray | None
    users: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        lengths = {"items": int(self.indptr[-1]), "users": len(self.indptr) - 1}
        if self.times is not None:
            lengths["times"] = lengths["items"]
        if self.weights is not None:
            lengths["weights"] = lengths["items"]
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
        """What may be read of users ``(P,) int64`` in a phase: for ``TEST`` also the items of validation."""
        start, stop = (border[users] for border in split.read(phase))
        return cls.cut(split.interactions, start, stop, users)

    @classmethod
    def of_training(cls, split: Split, users: np.ndarray) -> Histories:
        """The training items of users ``(P,) int64``."""
        start, stop = (border[users] for border in split.period(TRAIN))
        return cls.cut(split.interactions, start, stop, users)

    @classmethod
    def cut(cls, data: Interactions, start: np.ndarray, stop: np.ndarray, users: np.ndarray) -> Histories:
        """The rows ``start:stop`` of users, all three ``(P,) int64``."""
        length = stop - start
        indptr = np.concatenate([[0], np.cumsum(length)])
        rows = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], length)
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

    def matrix(self, n_items: int, most: float = 1.0) -> sp.csr_matrix:
        """``(P, n_items) float32`` sums of the weights of each person's items, none above ``most``.

        With weights of 1 and ``most`` 1, this is 1 where a person has an item, however often.
        """
        weights = np.ones(len(self.items)) if self.weights is None else self.weights
        shape = (len(self), n_items)
        found = sp.csr_matrix((weights.astype(np.float32), (self.rows, self.items)), shape=shape)
        found.data = np.minimum(found.data, np.float32(most))
        return found

    def weighted(self, by: str, decay: float) -> Histories:
        """Weighs each item by exp(-decay · age).

        Args:
            by: The unit of the age: ``place`` (the number of later items) or ``time`` (days before the last item).
            decay: At least 0, which weighs all items alike.

        Raises:
            DataError: ``by`` is ``time`` and the times are unknown.
        """
        ages = self.ages.astype(np.float64)
        if by == "time":
            if self.times is None:
                raise DataError(
                    "history_weighting by time needs the times of a history, and this one has none: add times, or "
                    "weigh by place"
                )
            last = self.times[np.maximum(self.indptr[1:] - 1, 0)] if len(self.times) else self.times
            ages = (last[self.rows] - self.times) / SECONDS_A_DAY
        return replace(self, weights=np.exp(-decay * ages))

    def kept(self, places: np.ndarray) -> Histories:
        """The same persons with some of their items: ``(n,) bool``."""
        indptr = np.concatenate([[0], np.cumsum(places)])[self.indptr]
        columns = (None if column is None else column[places] for column in (self.times, self.weights))
        times, weights = columns
        return Histories(self.items[places], indptr, times, self.users, weights)

    def last_of_each(self) -> np.ndarray:
        """``(n,) bool`` the last place of each item in each history."""
        order = np.lexsort((np.arange(len(self.items)), self.items, self.rows))
        items, rows = self.items[order], self.rows[order]
        last = np.ones(len(order), dtype=bool)
        last[:-1] = (items[1:] != items[:-1]) | (rows[1:] != rows[:-1])
        found = np.zeros(len(order), dtype=bool)
        found[order[last]] = True
        return found

    def repeated(self, count: int) -> Histories:
        """The first person, ``count`` times."""
        rows = np.tile(np.arange(self.indptr[1]), count)
        times, weights = (None if column is None else column[rows] for column in (self.times, self.weights))
        users = np.repeat(self.users[:1], count)
        return Histories(self.items[rows], np.arange(count + 1) * self.indptr[1], times, users, weights)

    def without_each(self) -> Histories:
        """The first person, each time without another one of the items; the others keep their weights."""
        length = int(self.indptr[1])
        return self.repeated(length).kept(~np.eye(length, dtype=bool).ravel())
