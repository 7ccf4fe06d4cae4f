"""Items that are like another one, by what a model has learnt, or by who had both where it has learnt nothing."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import scipy.sparse as sp

from recbole_ext.data.interactions import TRAIN
from recbole_ext.recommend.reasons import item_vectors, weights_between
from recbole_ext.serve.model import ServedModel

__all__ = ["MEANING", "SimilarItems", "starters", "training_matrix"]

Kind = Literal["weights", "vectors", "together"]

MEANING: dict[Kind, str] = {
    "weights": "what the model adds to the score of an item for this one in a history",
    "vectors": "cosine of the model's vectors of the items",
    "together": "cosine of the users who have both in training: this model has nothing of its own to compare items by",
}


class SimilarItems:
    """The similar items of a model.

    Args:
        model: The model.

    Attributes:
        kind: How items are compared.
    """

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        host = model.run.trainer.model
        self._between = weights_between(host)
        self._vectors = None if self._between else item_vectors(host, len(model.catalogue.counts))
        self.kind: Kind = "weights" if self._between else "together" if self._vectors is None else "vectors"

    @property
    def meaning(self) -> str:
        """What the numbers are."""
        return MEANING[self.kind]

    def of(self, item: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k most similar items ``(n,) int64``, the best first, and how similar; fewer where no more are above 0."""
        likeness = self._likeness(item)
        likeness[[0, item]] = -np.inf
        best = np.lexsort((np.arange(len(likeness)), -likeness))[:k]
        best = best[likeness[best] > 0]
        return best.astype(np.int64), likeness[best]

    def _likeness(self, item: int) -> np.ndarray:
        everything = np.arange(len(self._model.catalogue.counts))
        if self._between is not None:
            return np.array(self._between(np.array([item]), everything)[0], dtype=np.float64)
        if self._vectors is not None:
            return self._unit @ self._unit[item]
        who = self._who
        shared = np.asarray((who.T @ who[:, [item]]).todense())[:, 0]
        size = np.sqrt(np.maximum(self._model.catalogue.counts, 1))
        return shared / (size * size[item])

    @functools.cached_property
    def _unit(self) -> np.ndarray:
        assert self._vectors is not None
        length = np.linalg.norm(self._vectors, axis=1, keepdims=True)
        return (self._vectors / np.maximum(length, 1e-12)).astype(np.float64)

    @functools.cached_property
    def _who(self) -> sp.csc_matrix:
        """``(n_users, n_items)`` 1 where a user has an item in training."""
        return training_matrix(self._model)


def training_matrix(model: ServedModel) -> sp.csc_matrix:
    """``(n_users, n_items) float64`` 1 where a user has an item in training."""
    split = model.run.data.split
    rows = split.rows(TRAIN)
    users, items = split.interactions.users[rows], split.interactions.items[rows]
    shape = (split.interactions.n_users, split.interactions.n_items)
    found = sp.csc_matrix((np.ones(len(rows)), (users, items)), shape=shape)
    found.data[:] = 1.0
    return found


def starters(model: ServedModel, k: int, among: int = 200) -> np.ndarray:
    """Well-known items that tell tastes apart: popular ones, each far from those before it.

    Greedy: of the ``among`` most popular items, the next one has the largest sqrt(users who have it) · (1 - the largest
    cosine with those chosen), where items are the sets of users who have them in training. A person who likes some
    of them and not the others is placed quickly.

    Args:
        model: Whose training data counts.
        k: How many.
        among: How many popular items are looked at.

    Returns:
        ``(n,) int64`` items.
    """
    pool = model.catalogue.by_popularity[:among]
    who = training_matrix(model)[:, pool]
    shared = np.asarray((who.T @ who).todense())
    size = np.sqrt(np.maximum(np.diag(shared), 1.0))
    cosine = shared / np.outer(size, size)
    chosen: list[int] = []
    closest = np.zeros(len(pool))
    for _ in range(min(k, len(pool))):
        value = size * (1.0 - closest)
        value[chosen] = -np.inf
        best = int(value.argmax())
        chosen.append(best)
        closest = np.maximum(closest, cosine[best])
    return pool[chosen]
