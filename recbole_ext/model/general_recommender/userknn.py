"""Nearest neighbours of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
from recbole_ext.data.histories import Histories
from recbole_ext.model.general_recommender.itemknn import cosine_neighbours, cosine_rows
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["ITEM_WEIGHTS", "UserKNN"]

ITEM_WEIGHTS = ("none", "idf", "bm25")
"""Item weightings for the similarity of users."""

_BM25_K, _BM25_B = 1.2, 0.75


class UserKNN(GeneralRecommender):
    """Nearest users by cosine (Resnick et al., CSCW 1994, on implicit feedback; Ferrari Dacrema et al., TOIS 2021).

    With y_ui = x_ui v(u, i) for the binary training interactions x, s(u, n) = y_u · y_n / (|y_u| |y_n| + ``shrink`` +
    1e-6), and score(u, j) = Σ s(u, n) x_nj over the ``k`` users n most similar to u, ties by the smaller id.
    v is given by ``item_weight``: ``none``: 1; ``idf``: ln(users / users of i); ``bm25``: ln(users / (1 + users of i)),
    at least 0, times (K + 1) / (1 + K (1 - B + B n_u / mean n)) with K = 1.2, B = 0.75.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.LISTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        self.histories = dataset.inter_matrix(form="csr").astype(np.float32)
        self.histories.data[:] = 1
        self.shrink = float(config["shrink"])
        self.k, self.item_weight = int(config["k"]), config["item_weight"]
        self.weighted = _weighted(self.histories, self.item_weight, self.histories)
        found = cosine_neighbours(self.weighted.T.tocsr(), self.k, self.shrink)
        self.neighbours = found.T.tocsr()  # (n_users, n_users), a row holds the neighbours of a user

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs."""
        scores = self.full_sort_predict(interaction).view(-1, self.n_items)
        return scores.gather(1, interaction[self.ITEM_ID][:, None]).squeeze(1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        # A copy: scipy cannot index with an array that torch owns.
        users = np.array(interaction[self.USER_ID].cpu())
        return dense_product(self.neighbours[users], self.histories).view(-1).to(self.device)

    def history_scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items) float32`` scores of any histories; a training user is no neighbour of its own history."""
        return dense_product(self._near(histories), self.histories)

    def _near(self, histories: Histories) -> sp.csr_matrix:
        """``(P, n_users)`` similarities of the neighbours of any histories."""
        weighted = _weighted(histories.matrix(self.n_items), self.item_weight, self.histories)
        return cosine_rows(weighted, self.weighted, self.k, self.shrink, histories.users)

    def parts(self, interaction: Any, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes what each item of the first user adds to the scores of some items, with the neighbours fixed.

        Args:
            interaction: A batch; its first row is read.
            items: ``(R,) int64``.

        Returns:
            ``(H,) int64`` items of the user and ``(H, R) float64`` their parts, which sum to the scores.
        """
        user = int(interaction[self.USER_ID][0])
        return self._parts(self.weighted[user], self.neighbours[user].indices, items)

    def history_parts(self, histories: Histories, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`parts` of the first of some histories."""
        weighted = _weighted(histories.matrix(self.n_items), self.item_weight, self.histories)
        return self._parts(weighted[0], self._near(histories)[0].indices, items)

    def _parts(
        self, weighted: sp.csr_matrix, near: np.ndarray, items: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        history = weighted.indices.astype(np.int64)
        own = weighted.toarray().ravel().astype(np.float64)
        of_near = self.weighted[near].toarray().astype(np.float64)  # (N, n_items)
        size = np.linalg.norm(of_near, axis=1) * np.linalg.norm(own) + self.shrink + 1e-6
        shared = of_near[:, history] * own[history] / size[:, None]  # (N, H)
        return history, shared.T @ self.histories[near][:, items].toarray()


def _weighted(matrix: sp.csr_matrix, kind: str, training: sp.csr_matrix) -> sp.csr_matrix:
    """y of the rows ``(P, n_items)``, with the counts of the training matrix: ``(P, n_items) float32``."""
    owners, lengths = (np.asarray(training.sum(axis=axis)).ravel().astype(np.float64) for axis in (0, 1))
    users = np.count_nonzero(lengths)
    if kind == "none":
        return matrix
    if kind == "idf":
        return (matrix @ sp.diags(np.log(users / np.maximum(owners, 1)))).tocsr().astype(np.float32)
    rarity = np.maximum(np.log(users / (1 + owners)), 0)
    relative = np.asarray(matrix.sum(axis=1)).ravel().astype(np.float64) / lengths[lengths > 0].mean()
    saturation = (_BM25_K + 1) / (1 + _BM25_K * (1 - _BM25_B + _BM25_B * relative))
    return (sp.diags(saturation) @ matrix @ sp.diags(rarity)).tocsr().astype(np.float32)
