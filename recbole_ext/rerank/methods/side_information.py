"""Side information on items and users, which re-rankers use beside the scores, and user profiles built from it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recbole_ext.errors import DataError

__all__ = ["ItemInformation", "SideInformation", "UserHistories", "user_profiles"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK_INTERACTIONS = 1 << 22


@dataclass(frozen=True, eq=False)
class ItemInformation:
    """The catalogue. Every array is indexed by internal item id; entries of the padding item 0 are ignored.

    Attributes:
        popularity: ``(n_items,) int64`` training interactions.
        head: ``(n_items,) bool``, True for head items; every other item is tail.
        groups: ``(n_items,) int`` popularity groups, numbered from 0, if finer than head and tail (for example head,
            mid, tail), or None.
        genres: ``(n_items, G) float`` weights >= 0, for example 0 and 1, or None.
        vectors: ``(n_items, D) float`` whose cosine is the similarity of items, or None.

    Raises:
        DataError: An array is malformed.
    """

    popularity: Ints
    head: Bools
    groups: Ints | None = None
    genres: Floats | None = None
    vectors: Floats | None = None

    def __post_init__(self) -> None:
        popularity = np.asarray(self.popularity)
        if popularity.ndim != 1 or len(popularity) < 2 or popularity.dtype.kind not in "iu":
            raise DataError(
                f"popularity has shape {popularity.shape} and type {popularity.dtype}: give one whole number "
                "for each item id, padding first"
            )
        popularity = popularity.astype(np.int64)
        popularity[0] = 0
        if popularity.min() < 0:
            raise DataError(f"item {int(popularity.argmin())} has a negative popularity: count it again")
        head = np.array(self.head, dtype=bool)
        if head.shape != popularity.shape:
            raise DataError(
                f"head has shape {head.shape}: give one flag for each of {len(popularity)} item ids"
            )
        head[0] = False
        object.__setattr__(self, "popularity", popularity)
        object.__setattr__(self, "head", head)
        if self.groups is not None:
            object.__setattr__(self, "groups", _checked_groups(self.groups, len(popularity)))
        if self.genres is not None:
            genres = _checked_table("genres", self.genres, len(popularity))
            if genres.min(initial=0.0) < 0:
                raise DataError("genres hold a negative weight: give weights from 0 on")
            object.__setattr__(self, "genres", genres)
        if self.vectors is not None:
            object.__setattr__(self, "vectors", _checked_table("vectors", self.vectors, len(popularity)))

    @property
    def n_items(self) -> int:
        """Number of internal ids, padding included."""
        return len(self.popularity)

    @cached_property
    def log_popularity(self) -> Floats:
        """``(n_items,) float64``: p = log(1+φ) / log(1+max φ), in [0, 1]; all 0 if there are no interactions."""
        logs = np.log1p(self.popularity.astype(np.float64))
        return np.asarray(logs / logs.max()) if logs.max() > 0 else logs

    @cached_property
    def head_and_tail(self) -> Ints:
        """``(n_items,) int64``: 0 head, 1 tail, -1 padding."""
        labels = np.where(self.head, 0, 1)
        labels[0] = -1
        return labels

    @cached_property
    def genre_shares(self) -> Floats:
        """``(n_items, G or G + 1) float64``: each item's weights divided by their sum.

        Items without genres form an extra category, added only if there are such items, so that every row except
        padding sums to 1.
        """
        if self.genres is None:
            raise DataError(
                "the items have no genres: give ItemInformation genres (from a column genres in the .item file), or "
                "calibrate over popularity"
            )
        genres = _rows_up_to_1(self.genres)
        total = genres.sum(axis=1, keepdims=True)
        shares = np.divide(genres, total, out=np.zeros_like(genres), where=total > 0)
        without = (total == 0).astype(np.float64)
        without[0] = 0.0
        return np.hstack([shares, without]) if without.any() else shares

    @cached_property
    def unit_vectors(self) -> Floats:
        """``(n_items, D) float64``: ``vectors``, or else ``genres``, scaled to length 1; zero rows stay zero."""
        table = self.genres if self.vectors is None else self.vectors
        if table is None:
            raise DataError(
                "the items cannot be compared: give ItemInformation genres (from a column genres in the .item file) "
                "or vectors"
            )
        table = _rows_up_to_1(table)
        length = np.linalg.norm(table, axis=1, keepdims=True)
        return np.divide(table, length, out=np.zeros_like(table), where=length > 0)

    @cached_property
    def distinct_vectors(self) -> tuple[Floats, Ints]:
        """``(D, C) float64`` distinct rows of ``unit_vectors``, and ``(n_items,) int64`` each item's row among them.

        Genres have few distinct rows, so a table of their similarities is small.
        """
        distinct, row_of = np.unique(self.unit_vectors, axis=0, return_inverse=True)
        return distinct, row_of.reshape(-1).astype(np.int64)


def _rows_up_to_1(table: Floats) -> Floats:
    """Rows divided by their largest absolute value, so that sums and squares cannot overflow."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    return np.divide(table, largest, out=np.zeros_like(table), where=largest > 0)


def _checked_table(name: str, table: npt.NDArray[Any], n_items: int) -> Floats:
    result = np.array(table, dtype=np.float64)
    if result.ndim != 2 or len(result) != n_items or not result.shape[1]:
        raise DataError(f"{name} have shape {result.shape}: give one row for each of {n_items} item ids")
    result[0] = 0.0
    if not np.isfinite(result).all():
        row = int((~np.isfinite(result)).any(axis=1).argmax())
        raise DataError(f"{name} of item {row} hold NaN or infinity: give finite numbers")
    return result


def _checked_groups(groups: npt.NDArray[Any], n_items: int) -> Ints:
    result = np.asarray(groups)
    if result.shape != (n_items,) or result.dtype.kind not in "iu":
        raise DataError(
            f"groups have shape {result.shape}: give one whole number for each of {n_items} item ids"
        )
    result = result.astype(np.int64)
    result[0] = -1
    if result[1:].min() < 0:
        raise DataError(f"item {int(result[1:].argmin()) + 1} has a negative group: number groups from 0 on")
    return result


@dataclass(frozen=True, eq=False)
class UserHistories:
    """Training histories in compressed rows: user row u has ``items[indptr[u]:indptr[u + 1]]``.

    Rows match the rows of the candidates. Repeated items count each time.

    Attributes:
        indptr: ``(U + 1,) int64`` offsets, from 0 to the number of interactions.
        items: ``(n_interactions,) int64`` internal ids, at least 1.

    Raises:
        DataError: The offsets or ids are malformed.
    """

    indptr: Ints
    items: Ints

    def __post_init__(self) -> None:
        indptr, items = np.asarray(self.indptr), np.asarray(self.items)
        if items.size == 0:
            items = items.astype(np.int64)
        if (
            indptr.ndim != 1
            or items.ndim != 1
            or indptr.dtype.kind not in "iu"
            or items.dtype.kind not in "iu"
        ):
            raise DataError("a history needs two vectors of whole numbers, indptr and items")
        if not len(indptr) or indptr[0] != 0 or indptr[-1] != len(items) or (indptr[1:] < indptr[:-1]).any():
            raise DataError(f"indptr must rise from 0 to the number of interactions, {len(items)}")
        if len(items) and items.min() < 1:
            raise DataError("a history holds an item id below 1: leave padding out")
        object.__setattr__(self, "indptr", indptr.astype(np.int64, copy=False))
        object.__setattr__(self, "items", items.astype(np.int64, copy=False))

    @property
    def n_users(self) -> int:
        """Number of user rows U."""
        return len(self.indptr) - 1


@dataclass(frozen=True, eq=False)
class SideInformation:
    """All information that a re-ranker may use beside the scores.

    Attributes:
        items: The catalogue.
        users: Training histories, in the same rows as the candidates; None if no method needs them.
    """

    items: ItemInformation
    users: UserHistories | None = None

    def __post_init__(self) -> None:
        histories = self.users
        if histories is not None and len(histories.items) and histories.items.max() >= self.items.n_items:
            raise DataError(
                f"a history holds item {int(histories.items.max())} outside the catalogue "
                f"1..{self.items.n_items - 1}: give ids of the same data"
            )


def user_profiles(side: SideInformation, shares: Floats) -> Floats:
    """Computes p(c|u), the mean category distribution of each user's training interactions.

    A user without training interactions gets the neutral profile: the distribution over all training interactions
    (``popularity``), or the uniform one if there are none.

    Args:
        side: Items and histories.
        shares: ``(n_items, C) float64``, each item's distribution over categories.

    Returns:
        ``(U, C) float64``, rows sum to 1.

    Raises:
        DataError: There are no histories.
    """
    if side.users is None:
        raise DataError(
            "there are no user profiles: give SideInformation the training histories as UserHistories"
        )
    weights = side.items.popularity @ shares
    total = weights.sum()
    neutral = weights / total if total > 0 else np.full(shares.shape[1], 1.0 / shares.shape[1])
    indptr, history = side.users.indptr, side.users.items
    profiles = np.tile(neutral, (side.users.n_users, 1))
    for rows in _blocks_of_interactions(indptr):
        start, stop = indptr[rows.start], indptr[rows.stop]
        offsets = indptr[rows.start : rows.stop + 1] - start
        counts = np.diff(offsets)
        shape = (len(counts), len(shares))
        matrix = sparse.csr_matrix((np.ones(stop - start), history[start:stop], offsets), shape=shape)
        sums = matrix @ shares
        part = profiles[rows]
        np.divide(sums, counts[:, None], out=part, where=counts[:, None] > 0)
    return profiles


def _blocks_of_interactions(indptr: Ints) -> list[slice]:
    """Slices of user rows with a bounded number of interactions, at least one row each."""
    marks = np.arange(0, indptr[-1] + _BLOCK_INTERACTIONS, _BLOCK_INTERACTIONS)
    cuts = np.unique(np.r_[0, np.searchsorted(indptr, marks[1:], side="left"), len(indptr) - 1])
    cuts = cuts[cuts < len(indptr)]
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(cuts)]
