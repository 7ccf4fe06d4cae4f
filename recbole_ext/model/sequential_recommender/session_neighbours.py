"""Base of the nearest-neighbour models that treat the training history of each user as a session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.evaluator.ranking import top_k
from recbole_ext.model.kernels.sparse_product import dense_product
from recbole_ext.model.sequential_recommender.counted import Counted, Windows

__all__ = ["Entries", "Pairs", "SessionNeighbours", "Sessions"]

_ENTRIES = 1 << 22  # neighbours' items processed together


@dataclass(frozen=True)
class Sessions:
    """The training histories of all users; each history is a session.

    Attributes:
        by_user: ``(n_users, n_items) float32`` of ones; each user's items ordered by time, a repeated item at its last
            place.
        by_item: Transpose of ``by_user``, rows sorted.
        lengths: ``(n_users,) int64`` number of distinct items.
        last_times: ``(n_users,) int64`` seconds of the last interaction; 0 for a user without any.
    """

    by_user: sp.csr_matrix
    by_item: sp.csr_matrix
    lengths: np.ndarray
    last_times: np.ndarray

    @classmethod
    def of(
        cls, users: np.ndarray, items: np.ndarray, times: np.ndarray, n_users: int, n_items: int
    ) -> Sessions:
        """Builds the sessions from ``(N,)`` interactions sorted by user, then by time."""
        last_times = np.zeros(n_users, dtype=np.int64)
        last_times[users] = times  # the last of several values wins
        _, from_end = np.unique((users * n_items + items)[::-1], return_index=True)
        kept = np.sort(len(users) - 1 - from_end)
        users, items = users[kept], items[kept]
        lengths = np.bincount(users, minlength=n_users)
        parts = (
            np.ones(len(items), np.float32),
            items.astype(np.int32),
            np.concatenate([[0], lengths.cumsum()]),
        )
        by_user = sp.csr_matrix(parts, shape=(n_users, n_items))
        return cls(by_user, by_user.T.tocsr(), lengths, last_times)


@dataclass(frozen=True)
class Pairs:
    """Pairs of a batch row and a neighbour, sorted by row.

    Attributes:
        rows, users: ``(P,) int64``.
        similarity: ``(P,) float64``, above 0.
    """

    rows: np.ndarray
    users: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True)
class Entries:
    """The items of the neighbours of some pairs, matched to the windows.

    Attributes:
        pairs: The pairs ``(C,)``.
        owner: ``(E,) int32`` index of the pair that each entry belongs to.
        items: ``(E,) int32`` the neighbours' items, ordered by time.
        places: ``(E,) int32`` their places in the neighbours' histories, from 0.
        ages: ``(E,) int32`` their ages in the windows; a large number for an item outside the window.
        youngest: ``(C,) int32`` age of the most recent window item that the neighbour has.
    """

    pairs: slice
    owner: np.ndarray
    items: np.ndarray
    places: np.ndarray
    ages: np.ndarray
    youngest: np.ndarray


class SessionNeighbours(Counted):
    """Base of SKNN, VSKNN and STAN.

    similarity(s, n) = factor(s, n) · Σ_{i ∈ s ∩ n} w(i) for the window s to be continued and every other user's
    training history n; the sum is over the places of s. The ``k`` users with the largest similarity above 0 are the
    neighbours N, ties by the smaller id, and score(j) = g(j) Σ_{n ∈ N, j ∈ n} similarity(s, n) · v(s, n). Each model
    defines w, factor, v and g. If a batch has user ids, users are excluded from their own neighbours.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.k = min(int(config["k"]), self.n_users - 1)
        self.sessions = Sessions.of(*self.sequences(dataset), self.n_users, self.n_items)
        self.item_gain = np.ones(self.n_items)

    def place_weights(self, histories: Windows) -> np.ndarray:
        """Returns w, ``(n,) float64`` weights of the places of the windows, above 0."""
        return np.ones(len(histories.items))

    def factor(self, histories: Windows) -> np.ndarray:
        """Returns the factor, above 0: ``(B, n_users)`` or a shape that broadcasts to it."""
        raise NotImplementedError

    def pair_weights(self, histories: Windows, pairs: Pairs) -> np.ndarray:
        """Returns v, ``(P,) float64``."""
        return np.ones(len(pairs.users))

    def neighbours(self, histories: Windows) -> Pairs:
        """Returns the neighbours of each row."""
        weighted = histories.matrix(self.place_weights(histories), self.n_items)
        similarity = dense_product(weighted, self.sessions.by_item).double().numpy()  # (B, n_users)
        similarity *= self.factor(histories)
        if histories.users is not None:
            similarity[np.arange(len(similarity)), histories.users] = 0
        users, values = (found.numpy() for found in top_k(torch.from_numpy(similarity), self.k, above=0.0))
        rows, column = np.nonzero(values > 0)
        return Pairs(rows, users[rows, column], values[rows, column])

    def entries(self, histories: Windows, pairs: Pairs) -> Iterator[Entries]:
        """Yields the items of all neighbours, a few pairs at a time."""
        length = self.sessions.lengths[pairs.users]
        start = self.sessions.by_user.indptr[pairs.users]
        total, first = np.concatenate([[0], np.cumsum(length)]), 0
        while first < len(length):
            last = max(first + 1, int(np.searchsorted(total, total[first] + _ENTRIES, side="right")) - 1)
            part = slice(first, last)
            owner = np.repeat(np.arange(last - first, dtype=np.int32), length[part])
            begin = (total[part] - total[first]).astype(np.int32)
            places = np.arange(len(owner), dtype=np.int32) - begin[owner]
            items = self.sessions.by_user.indices[start[part][owner] + places]
            ages = self._ages(histories, pairs.rows[part], owner, items)
            yield Entries(part, owner, items, places, ages, np.minimum.reduceat(ages, begin))
            first = last

    def _ages(self, histories: Windows, rows: np.ndarray, owner: np.ndarray, items: np.ndarray) -> np.ndarray:
        """``(E,) int32`` ages of items in the windows ``rows (C,)`` of their owners."""
        first, last = rows[0], rows[-1] + 1
        table = np.full((last - first, self.n_items), np.iinfo(np.int32).max, dtype=np.int32)
        inside = (histories.rows >= first) & (histories.rows < last)
        # Oldest first, so that the most recent place of a repeated item wins.
        table[histories.rows[inside] - first, histories.items[inside]] = histories.ages[inside]
        return table.ravel()[((rows - first) * self.n_items)[owner] + items]

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores."""
        pairs = self.neighbours(histories)
        values = (pairs.similarity * self.pair_weights(histories, pairs)).astype(np.float32)
        shape = (len(histories.lengths), self.n_users)
        nearest = sp.csr_matrix((values, (pairs.rows, pairs.users)), shape=shape)
        scores = dense_product(nearest, self.sessions.by_user)
        return scores * torch.from_numpy(self.item_gain.astype(np.float32))

    def given(self, histories: Windows, pairs: Pairs) -> np.ndarray:
        """Returns what each neighbour adds to each score, ``(P, n_items) float64``."""
        held = self.sessions.by_user[pairs.users].toarray().astype(np.float64)
        held *= (pairs.similarity * self.pair_weights(histories, pairs))[:, None]
        return held * self.item_gain

    def parts(self, interaction: Any, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes what each place of the first history adds to the scores of some items, with the neighbours fixed.

        Args:
            interaction: A batch; its first row is read.
            items: ``(R,) int64``.

        Returns:
            ``(H,) int64`` items of the history and ``(H, R) float64`` their parts, which sum to the scores.
        """
        histories = self.histories(interaction[torch.arange(1)])
        pairs = self.neighbours(histories)
        shared = self.sessions.by_user[pairs.users][:, histories.items].toarray().astype(np.float64)  # (P, H)
        shared *= self.place_weights(histories)
        shared /= shared.sum(axis=1, keepdims=True)
        return histories.items, shared.T @ self.given(histories, pairs)[:, items]
