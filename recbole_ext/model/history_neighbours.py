"""Histories by their nearest training users: for models that know a person by a learnt vector alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.histories import Histories
from recbole_ext.model.general_recommender.itemknn import cosine_rows
from recbole_ext.model.history_rows import tables_replaced

__all__ = ["NEIGHBOURS", "NeighbourVectors"]

NEIGHBOURS = 20
"""Training users whose vectors are averaged; the default of UserKNN."""

_USER_TABLES = ("user_embedding.weight", "user_mf_embedding.weight", "user_mlp_embedding.weight")


class NeighbourVectors:
    """Lets a person have the mean vector of the 20 training users with the most similar items, by cosine.

    A training user is no neighbour of its own, so that it is scored as a person never seen with the same history is. A
    person without neighbours gets the mean of all training users. In place of a user's community, NNCF looks at the
    last items of the history.

    Args:
        model: The model as it stands; a change of its vectors needs another object.
        training: ``(n_users, n_items) float32`` training interactions, 1 where a user has an item.
    """

    def __init__(self, model: Any, training: sp.csr_matrix) -> None:
        self.model, self.training = model, training
        self._tables = {
            name: parameter.detach() for name, parameter in model.named_parameters() if name in _USER_TABLES
        }
        met = np.flatnonzero(np.diff(training.indptr))
        self._everybody = sp.csr_matrix(
            (np.full(len(met), 1 / max(1, len(met)), np.float32), met, [0, len(met)]),
            shape=(1, training.shape[0]),
        )
        self._encoded: tuple[torch.Tensor, torch.Tensor] | None = None
        if hasattr(model, "GcEncoder"):  # GCMC makes its vectors of the whole graph
            with torch.no_grad():
                self._encoded = model.GcEncoder(model.user_features, model.item_features)

    @contextmanager
    def holding(self, histories: Histories) -> Iterator[None]:
        """Lets user ids 0 to P - 1 stand for the P persons of some histories."""
        shares = self._shares(histories)
        mixed = {name: _mixed(shares, table) for name, table in self._tables.items()}
        with tables_replaced(self.model, mixed):
            if self._encoded is not None:
                users, items = self._encoded
                with _encoding(self.model.GcEncoder, (_mixed(shares, users), items)):
                    yield
            elif hasattr(self.model, "u_neigh"):
                before = self.model.u_neigh
                self.model.u_neigh = _last_items(histories, before)
                try:
                    yield
                finally:
                    self.model.u_neigh = before
            else:
                yield

    def _shares(self, histories: Histories) -> sp.csr_matrix:
        """``(P, n_users) float32`` share of each training user in a person's vector; rows sum to 1."""
        rows = histories.matrix(self.training.shape[1])
        near = cosine_rows(rows, self.training, NEIGHBOURS, 0.0, histories.users)
        length = np.diff(near.indptr)
        near.data = np.repeat(1 / np.maximum(length, 1), length).astype(np.float32)
        lonely = sp.csr_matrix((length == 0).astype(np.float32)[:, None])
        return (near + lonely @ self._everybody).tocsr()


def _mixed(shares: sp.csr_matrix, table: torch.Tensor) -> torch.Tensor:
    """``(P, d)`` shares of the rows of a table ``(n_users, d)``, where the table is."""
    return torch.from_numpy(shares @ table.cpu().numpy()).to(table.device, table.dtype)


@contextmanager
def _encoding(encoder: Any, vectors: tuple[torch.Tensor, torch.Tensor]) -> Iterator[None]:
    """Lets an encoder of users and items return other vectors."""
    forward: Callable[..., Any] = lambda *_: vectors  # noqa: E731
    encoder.forward = forward
    try:
        yield
    finally:
        del encoder.forward


def _last_items(histories: Histories, like: torch.Tensor) -> torch.Tensor:
    """``(P, width)`` last items of each history, behind them 0, as ``like (n_users, width)`` holds items."""
    width = like.shape[1]
    recent = histories.kept(histories.ages < width)
    found = np.zeros((len(histories), width), dtype=np.int64)
    found[np.arange(width) < recent.lengths[:, None]] = recent.items
    return torch.from_numpy(found).to(like.device, like.dtype)
