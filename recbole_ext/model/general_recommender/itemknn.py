"""ItemKNN on sparse products."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import similaripy
import torch

from recbole_ext import _compat

_compat.apply()

from recbole.model.general_recommender.itemknn import ItemKNN as HostItemKNN  # noqa: E402

__all__ = ["ItemKNN", "item_similarities"]

_EPSILON = 1e-6  # RecBole's, in the denominator


def item_similarities(interactions: sp.csr_matrix, *, k: int, shrink: float = 0.0) -> sp.csr_matrix:
    """Cosine similarity of each item to its k nearest others, x·y / (‖x‖ ‖y‖ + shrink + 1e-6).

    Args:
        interactions: ``(n_users, n_items)``.
        k: Neighbours of an item; of equally near ones at the end, any are taken.
        shrink: Lowers similarities that rest on few users.

    Returns:
        ``(n_items, n_items) float32``, row i the neighbours of item i.
    """
    # One more, as an item is its own nearest neighbour, or ties with it; then itself, or the last one, is left out.
    near = similaripy.cosine(
        interactions.T.tocsr(), k=k + 1, shrink=float(shrink) + _EPSILON, format_output="coo", verbose=False
    )
    others = near.row != near.col
    rows, columns, values = near.row[others], near.col[others], near.data[others]
    order = np.lexsort((columns, -values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left")
    kept = place < k
    return sp.csr_matrix((values[kept], (rows[kept], columns[kept])), shape=near.shape, dtype=np.float32)


class ItemKNN(HostItemKNN):
    """RecBole's ItemKNN (Aiolli, RecSys 2013): the same similarities and scores, by sparse products.

    RecBole multiplies dense blocks in a Python loop over the items, and keeps the scores of every user as lists.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        # Past RecBole's own constructor, which is what takes its time and memory.
        super(HostItemKNN, self).__init__(config, dataset)
        self.k, self.shrink = int(config["k"]), float(config["shrink"] or 0.0)
        self.interaction_matrix = dataset.inter_matrix(form="csr").astype(np.float32)
        self.neighbours = item_similarities(self.interaction_matrix, k=self.k, shrink=self.shrink)
        self.w = self.neighbours.T.tocsr()
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs: the summed similarity of the item to its neighbours in the history."""
        # Copies: scipy cannot index with arrays that torch owns.
        users, items = (np.array(interaction[name].cpu()) for name in (self.USER_ID, self.ITEM_ID))
        shared = self.interaction_matrix[users].multiply(self.neighbours[items])
        return torch.from_numpy(np.asarray(shared.sum(axis=1), dtype=np.float32).ravel()).to(self.device)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        users = np.array(interaction[self.USER_ID].cpu())
        scores = (self.interaction_matrix[users] @ self.w).toarray()
        return torch.from_numpy(scores).to(self.device).view(-1)
