"""Nearest neighbours of items, counted and scored in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import general_recommender as host
from recbole_ext.errors import ConfigError
from recbole_ext.model.kernels.feature_weights import weighted_rows
from recbole_ext.model.kernels.largest_rows import LargestRows
from recbole_ext.model.kernels.nearest_rows import nearest_rows
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["ItemKNN", "cosine_neighbours", "cosine_rows"]


def cosine_neighbours(
    interactions: sp.csr_matrix, k: int, shrink: float = 0.0, asymmetry: float = 0.5
) -> sp.csc_matrix:
    """Finds the k most similar items x of each item y, by x·y / (|x|^2α |y|^(2 - 2α) + shrink + 1e-6), above 0 only.

    The result equals RecBole's ``ComputeSimilarity`` except for ties at the k-th place: here the items with the smaller
    ids are kept, whereas RecBole's choice is arbitrary.

    Args:
        interactions: ``(n_users, n_items) float32``, none below 0; column 0 is padding.
        k: Number of neighbours of each item.
        shrink: Added to the denominator, which lowers similarities that rest on few users.
        asymmetry: α; 0.5 gives the cosine.

    Returns:
        ``(n_items, n_items) float32``: column j holds the neighbours of item j.
    """
    n_items = interactions.shape[1]
    by_item = interactions.T.tocsr()
    norm = torch.from_numpy(np.sqrt(np.asarray(interactions.power(2).sum(axis=0)).ravel()))
    of_neighbour, of_item = norm ** (2 * asymmetry), norm ** (2 - 2 * asymmetry)
    epsilon = torch.tensor(shrink + 1e-6)  # 1e-6 as in RecBole

    def divisors(start: int, stop: int) -> np.ndarray:
        return torch.addcmul(epsilon, of_item[start:stop, None], of_neighbour).numpy()

    found = nearest_rows(
        by_item, interactions, min(k, n_items - 1), divisors=divisors, skipped=np.arange(n_items)
    )
    return found.T


def cosine_rows(
    rows: sp.csr_matrix, known: sp.csr_matrix, k: int, shrink: float, itself: np.ndarray
) -> sp.csr_matrix:
    """Finds the k most similar known rows of each row, by the cosine of :func:`cosine_neighbours`.

    Args:
        rows: ``(P, n) float32``, none below 0.
        known: ``(m, n) float32``; row 0 is padding.
        k: Number of neighbours of each row.
        shrink: Added to the denominator.
        itself: ``(P,) int64`` known row that is never a neighbour of each row; 0 for none.

    Returns:
        ``(P, m) float32``: a row holds its neighbours.
    """
    near = dense_product(rows, known.T.tocsr())  # (P, m)
    near[torch.arange(len(near)), torch.from_numpy(itself)] = 0
    sizes = [torch.from_numpy(np.sqrt(np.asarray(one.power(2).sum(axis=1)).ravel())) for one in (rows, known)]
    near /= torch.addcmul(torch.tensor(shrink + 1e-6), sizes[0][:, None], sizes[1])
    found = LargestRows(known.shape[0], k)
    found.add(near.numpy())
    return found.matrix()


class ItemKNN(host.ItemKNN):
    """RecBole's ItemKNN (Aiolli, RecSys 2013), with scores computed on demand.

    RecBole sorts the similarities item by item in Python and keeps the scores of all users and items as Python
    lists. Here both are computed in dense blocks. A checkpoint stores neither: both follow from the training data.

    ``asymmetry`` 0.5 gives the cosine, other values from 0 to 1 the paper's asymmetric cosine
    s(i, j) = x_i · x_j / (|x_i|^2α |x_j|^(2 - 2α) + ``shrink``) of an item i of the history with a scored item j.
    ``user_weight`` weighs users in x: ``idf`` ln(items / items of u), ``bm25`` with a saturation by the popularity of
    the item (Ferrari Dacrema et al., TOIS 2021).
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super(host.ItemKNN, self).__init__(config, dataset)
        method = config["knn_method"]  # a key of RecBole 1.2.1
        if method not in (None, "item"):
            raise ConfigError(f"knn_method is {method!r}, but ItemKNN compares items only: remove the key")
        self.k = config["k"]
        self.shrink = config["shrink"] or 0.0
        self.interaction_matrix = dataset.inter_matrix(form="csr").astype(np.float32)
        self.w = cosine_neighbours(
            self._weighted(config["user_weight"]), self.k, self.shrink, float(config["asymmetry"])
        )
        self._by_neighbour = self.w.tocsr()
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))

    def _weighted(self, kind: str) -> sp.csr_matrix:
        """x: ``(n_users, n_items) float32``."""
        if kind == "none":
            return self.interaction_matrix
        by_item = self.interaction_matrix.T.tocsr()
        return weighted_rows(by_item, kind, by_item).T.tocsr()

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs."""
        # Copies: scipy cannot index with arrays that torch owns.
        users, items = (np.array(interaction[name].cpu()) for name in (self.USER_ID, self.ITEM_ID))
        common = self.interaction_matrix[users].multiply(self.w.T[items])
        return torch.from_numpy(np.asarray(common.sum(axis=1)).ravel()).to(self.device)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        users = np.array(interaction[self.USER_ID].cpu())
        return dense_product(self.interaction_matrix[users], self._by_neighbour).view(-1).to(self.device)
