"""A user's most frequent items first, then popular items in the user's genres, then all other popular items."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
from recbole_ext.data.histories import Histories
from recbole_ext.model.losses.popularity import train_counts

__all__ = ["PersonalTopK"]


class PersonalTopK(GeneralRecommender):
    """Three tiers of candidates, computed without training; every item of a tier ranks above all of the next.

    With the user's training interactions i_1, ..., i_n by time, age a_k = n - k, weights γ^(a_k) with γ =
    ``recency_decay`` and their sum W:

    - own items, only where repeats are allowed (``mask_seen: false``): f(u, i) = Σ_{k: i_k = i} γ^(a_k);
      score 2 + f / (1 + W);
    - items that share a genre with the profile: g(u, i) = φ(i) / (1 + max φ) · Σ_c P(c|u) P(c|i) > 0, where P(c|i) is
      1 / (number of i's genres) for each of them and P(c|u) = Σ_k γ^(a_k) P(c|i_k) / W; score 1 + g;
    - the others: score φ(i) / (1 + max φ).

    Each fraction is below 1. Genres come from the column ``genres`` of the ``.item`` file. Items without genres, and
    all items of a data set without that column, fall into the last tier unless they are own items. Scores are float64,
    so that close values stay distinct.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        counts = train_counts(dataset)
        self.popularity = counts / (1.0 + counts.max())  # (n_items,)
        self.decay, self.repeats = float(config["recency_decay"]), not config["mask_seen"]
        genres = getattr(dataset, "genres", None)
        genres = np.zeros((self.n_items, 1)) if genres is None else genres.astype(np.float64)
        self.genres = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)  # (n_items, G)
        owned = self._recency_weighted(*_in_order(dataset))
        self.profile = self._profiles(owned)  # (n_users, G)
        self.owned = self._tier(owned)

    def _recency_weighted(self, users: np.ndarray, items: np.ndarray) -> sp.csr_matrix:
        """f of users who stand together, each one's items oldest first: ``(n_users, n_items) float64``."""
        last = np.searchsorted(users, users, side="right") - 1
        weight = self.decay ** (last - np.arange(len(users))).astype(np.float64)
        n_users = max(self.n_users, int(users.max(initial=0)) + 1)
        # The weight of an old interaction can underflow to 0, but its item must remain an own item.
        weight = np.maximum(weight, np.finfo(np.float64).tiny)
        return sp.csr_matrix((weight, (users, items)), shape=(n_users, self.n_items))

    def _profiles(self, owned: sp.csr_matrix) -> np.ndarray:
        """P(c|u): ``(n_users, G)``."""
        total = np.asarray(owned.sum(axis=1)).ravel()
        return (owned @ self.genres) / np.where(total > 0, total, 1)[:, None]

    def _tier(self, owned: sp.csr_matrix) -> sp.csr_matrix | None:
        """Scores 2 + f / (1 + W) of own items; missing entries stay 0. None where no repeats are allowed."""
        if not self.repeats:
            return None
        total = np.asarray(owned.sum(axis=1)).ravel()
        owned.data = 2 + owned.data / np.repeat(1 + total, np.diff(owned.indptr))
        return owned

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float64`` scores of pairs."""
        # Copies: scipy cannot index with arrays that torch owns.
        users, items = (np.array(interaction[name].cpu()) for name in (self.USER_ID, self.ITEM_ID))
        match = np.einsum("ng,ng->n", self.profile[users], self.genres[items])
        scores = self._by_popularity(match, self.popularity[items])
        if self.owned is not None:
            own = np.asarray(self.owned[users, items]).ravel()
            scores = np.where(own > 0, own, scores)
        return torch.from_numpy(scores).to(self.device)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float64`` scores of the whole catalogue."""
        users = interaction[self.USER_ID].cpu().numpy()
        owned = None if self.owned is None else self.owned[users]
        return self._scores(self.profile[users], owned).view(-1)

    def history_scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items) float64`` scores of any histories."""
        owned = self._recency_weighted(histories.rows, histories.items)[: len(histories)]
        return self._scores(self._profiles(owned), self._tier(owned))

    def _scores(self, profile: np.ndarray, owned: sp.csr_matrix | None) -> torch.Tensor:
        """``(B, n_items)`` scores of profiles ``(B, G)`` and own items."""
        scores = self._by_popularity(profile @ self.genres.T, self.popularity)
        if owned is not None:
            own = owned.tocoo()
            scores[own.row, own.col] = own.data
        return torch.from_numpy(scores).to(self.device)

    @staticmethod
    def _by_popularity(match: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        weighted = match * popularity
        return np.where(weighted > 0, 1 + weighted, popularity)


def _in_order(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Users and items ``(N,) int64`` of the training interactions by user, then by time."""
    columns = (dataset.uid_field, dataset.iid_field, dataset.time_field)
    users, items, times = (np.asarray(dataset.inter_feat[name]) for name in columns)
    # A stable sort: interactions at equal times keep the order set by the data layer.
    order = np.lexsort((times, users))
    return users[order], items[order]
