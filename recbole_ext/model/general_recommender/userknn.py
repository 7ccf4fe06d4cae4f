"""Nearest neighbours of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.histories import Histories
from recbole_ext.model.general_recommender.closed_form import ClosedForm
from recbole_ext.model.general_recommender.itemknn import cosine_neighbours, cosine_rows
from recbole_ext.model.kernels.feature_weights import weighted_rows
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["UserKNN"]


class UserKNN(ClosedForm):
    """Nearest users by cosine (Resnick et al., CSCW 1994, on implicit feedback; Ferrari Dacrema et al., TOIS 2021).

    With y_ui = x_ui v(u, i) for the binary training interactions x, s(u, n) = y_u · y_n / (|y_u| |y_n| + ``shrink`` +
    1e-6), and score(u, j) = Σ s(u, n) x_nj over the ``k`` users n most similar to u, ties by the smaller id.
    v is given by ``item_weight``: ``none``: 1; ``idf``: ln(users / users of i); ``bm25``: ln(users / (1 + users of i)),
    at least 0, times (K + 1) / (1 + K (1 - B + B n_u / mean n)) with K = 1.2, B = 0.75.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.shrink = float(config["shrink"])
        self.k, self.item_weight = int(config["k"]), config["item_weight"]
        self.weighted = weighted_rows(self.interaction_matrix, self.item_weight, self.interaction_matrix)
        found = cosine_neighbours(self.weighted.T.tocsr(), self.k, self.shrink)
        self.neighbours = found.T.tocsr()  # (n_users, n_users), a row holds the neighbours of a user

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        users = self.users_of(interaction)
        return dense_product(self.neighbours[users], self.interaction_matrix).view(-1).to(self.device)

    def history_scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items) float32`` scores of any histories; a training user is no neighbour of its own history."""
        return dense_product(self._near(histories), self.interaction_matrix)

    def _near(self, histories: Histories) -> sp.csr_matrix:
        """``(P, n_users)`` similarities of the neighbours of any histories."""
        weighted = weighted_rows(histories.matrix(self.n_items), self.item_weight, self.interaction_matrix)
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
        return self._parts(self.interaction_matrix[user], self.neighbours[user].indices, items)

    def history_parts(self, histories: Histories, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`parts` of the first of some histories."""
        row = histories.matrix(self.n_items)[0]
        return self._parts(row, self._near(histories)[0].indices, items)

    def _parts(
        self, row: sp.csr_matrix, near: np.ndarray, items: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        history = row.indices.astype(np.int64)
        weighted = weighted_rows(row, self.item_weight, self.interaction_matrix)
        own = weighted.toarray().ravel().astype(np.float64)
        of_near = self.weighted[near].toarray().astype(np.float64)  # (N, n_items)
        size = np.linalg.norm(of_near, axis=1) * np.linalg.norm(own) + self.shrink + 1e-6
        shared = of_near[:, history] * own[history] / size[:, None]  # (N, H)
        return history, shared.T @ self.interaction_matrix[near][:, items].toarray()
