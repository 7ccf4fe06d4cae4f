"""A user's most frequent items first, then popular items in the user's genres, then all other popular items."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
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
        owned = self._recency_weighted(dataset, float(config["recency_decay"]))
        total = np.asarray(owned.sum(axis=1)).ravel()
        genres = getattr(dataset, "genres", None)
        genres = np.zeros((self.n_items, 1)) if genres is None else genres.astype(np.float64)
        self.genres = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)  # (n_items, G)
        self.profile = (owned @ self.genres) / np.where(total > 0, total, 1)[:, None]  # (n_users, G)
        # Stored values include the tier, 2 + f / (1 + W); missing entries stay 0.
        owned.data = 2 + owned.data / np.repeat(1 + total, np.diff(owned.indptr))
        self.owned = None if config["mask_seen"] else owned

    def _recency_weighted(self, dataset: Any, decay: float) -> sp.csr_matrix:
        """f: ``(n_users, n_items) float64``."""
        users, items = (np.asarray(dataset.inter_feat[name]) for name in (self.USER_ID, self.ITEM_ID))
        times = np.asarray(dataset.inter_feat[dataset.time_field])
        # A stable sort: interactions at equal times keep the order set by the data layer.
        order = np.lexsort((times, users))
        users, items = users[order], items[order]
        last = np.searchsorted(users, users, side="right") - 1
        weight = decay ** (last - np.arange(len(users))).astype(np.float64)
        shape = (self.n_users, self.n_items)
        # The weight of an old interaction can underflow to 0, but its item must remain an own item.
        return sp.csr_matrix((np.maximum(weight, np.finfo(np.float64).tiny), (users, items)), shape=shape)

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
        scores = self._by_popularity(self.profile[users] @ self.genres.T, self.popularity)  # (B, n_items)
        if self.owned is not None:
            own = self.owned[users].tocoo()
            scores[own.row, own.col] = own.data
        return torch.from_numpy(scores).to(self.device).view(-1)

    @staticmethod
    def _by_popularity(match: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        weighted = match * popularity
        return np.where(weighted > 0, 1 + weighted, popularity)
