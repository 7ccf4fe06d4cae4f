"""The MLP tower of neural collaborative filtering."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import nn

from recbole_ext._compat.host import GeneralRecommender, InputType
from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.negatives import bpr_all_positions, sampled_softmax
from recbole_ext.model.losses.popularity import ItemWeights, NegativeDistribution, train_counts

__all__ = ["MLP"]

# The first fits into a core's cache; the second keeps a GPU busy.
_CHUNK_BYTES, _CHUNK_BYTES_CUDA = 2 * 2**20, 64 * 2**20
_LOSSES = ("BCE", "BPR", "sampled_softmax")


class MLP(GeneralRecommender):
    """Hidden layers map the concatenated user and item embeddings to one score (He et al., WWW 2017).

    ``loss_type`` is BCE (point-wise, the paper's), BPR (pair-wise) or sampled_softmax (list-wise), each with
    ``sample_num`` negatives per positive, drawn by popularity^``sampling_alpha``. ``positive_weight`` applies to BCE,
    ``logq_correction`` to sampled_softmax and ``ips_power`` to all three. Scores are logits. Unlike the paper,
    the model applies dropout before each layer and does not pre-train.
    """

    input_type = InputType.POINTWISE
    chunk_bytes = _CHUNK_BYTES

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.LABEL = config["LABEL_FIELD"]
        self.loss_type = str(config["loss_type"])
        if self.loss_type not in _LOSSES:
            raise ConfigError(f"loss_type of MLP must be one of {', '.join(_LOSSES)}, not {self.loss_type}")
        size, hidden = int(config["embedding_size"]), [int(width) for width in config["mlp_hidden_size"]]
        dropout = float(config["dropout_prob"])
        self.user_embedding = nn.Embedding(self.n_users, size)
        self.item_embedding = nn.Embedding(self.n_items, size)
        self.dropout = nn.Dropout(dropout)
        self.first = nn.Linear(2 * size, hidden[0])
        layers: list[nn.Module] = [nn.ReLU()]
        for below, above in itertools.pairwise(hidden):
            layers += [nn.Dropout(dropout), nn.Linear(below, above), nn.ReLU()]
        self.rest = nn.Sequential(*layers, nn.Linear(hidden[-1], 1))
        if self.loss_type == "BCE":
            self.loss = nn.BCEWithLogitsLoss(reduction="none")
        self.item_weights = ItemWeights(config, dataset)
        self.negatives = self._distribution(config, dataset)
        self.apply(_initialise)

    def _distribution(self, config: Any, dataset: Any) -> NegativeDistribution | None:
        """Returns the loader's negative distribution, and registers the share of it that each user can draw."""
        if self.loss_type != "sampled_softmax" or config["logq_correction"] is False:
            return None
        found = NegativeDistribution(train_counts(dataset), float(config["sampling_alpha"] or 0))
        users, items = (np.asarray(dataset.inter_feat[name]) for name in (self.USER_ID, self.ITEM_ID))
        known = np.unique(users.astype(np.int64) * self.n_items + items)
        owner, item = known // self.n_items, known % self.n_items
        q_of_item = found.log_q.double().exp().numpy()
        taken = np.bincount(owner, weights=q_of_item[item], minlength=self.n_users)
        rest = np.log(np.maximum(1 - taken, np.finfo(np.float32).tiny))
        self.register_buffer("log_rest", torch.from_numpy(rest).float(), persistent=False)
        # If a user knows every drawable item, the loader draws uniformly from the remaining items.
        drawable = q_of_item > 0
        left = drawable.sum() - np.bincount(owner[drawable[item]], minlength=self.n_users)
        others = self.n_items - 1 - np.bincount(owner, minlength=self.n_users)
        uniform = np.where(left > 0, np.nan, -np.log(np.maximum(others, 1)))
        self.register_buffer("log_uniform", torch.from_numpy(uniform).float(), persistent=False)
        return found

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        """Returns ``(B,)`` logits of ``(B,) int64`` users and items."""
        pair = torch.cat([self.user_embedding(user), self.item_embedding(item)], dim=1)  # (B, 2 * size)
        return self.rest(self.first(self.dropout(pair))).squeeze(1)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the loss of a batch in RecBole's layout: P positives, then k times P negatives in the same order."""
        user, item, label = (interaction[name] for name in (self.USER_ID, self.ITEM_ID, self.LABEL))
        scores = self.forward(user, item)
        if self.loss_type == "BCE":
            losses = self.loss(scores, label)
            weight = self.item_weights.weight
            return (losses if weight is None else losses * torch.where(label > 0, weight[item], 1.0)).mean()
        positives = int((label > 0).sum())
        by_positive = scores.view(-1, positives).T  # (P, 1 + k)
        liked, others = by_positive[:, 0], by_positive[:, 1:]
        drawn = item.view(-1, positives).T[:, 1:]
        if self.loss_type == "BPR":
            losses = bpr_all_positions(liked, others)
        else:
            # The loader redraws items that a user knows, so q is renormalised over the others.
            expected = self._log_expected(user[:positives], drawn) if self.negatives else None
            losses = sampled_softmax(liked, others, log_expected=expected)
        return self.item_weights.mean(losses, item[:positives])

    def _log_expected(self, user: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """log(k q) of ``(P, k)`` draws, with q normalised over the items unknown to each of the ``(P,)`` users."""
        assert self.negatives is not None
        by_popularity = self.negatives.log_expected(drawn) - self.log_rest[user, None]
        uniform = (self.log_uniform[user, None] + math.log(drawn.shape[1])).expand_as(drawn)
        return torch.where(uniform.isnan(), by_popularity, uniform)

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of pairs."""
        return self.forward(interaction[self.USER_ID], interaction[self.ITEM_ID])

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B * n_items,)`` logits of the whole catalogue.

        The first layer is the sum of a user part and an item part. Both are computed once; only their sums are formed
        per pair, in chunks of users and items.
        """
        users = self.user_embedding(interaction[self.USER_ID])
        size = users.shape[1]
        weight = self.first.weight
        user_part = users @ weight[:, :size].T  # (B, h)
        item_part = self.item_embedding.weight @ weight[:, size:].T + self.first.bias  # (n_items, h)
        scores = users.new_empty(len(users), self.n_items)
        chunk_bytes = _CHUNK_BYTES_CUDA if users.is_cuda else self.chunk_bytes
        most = max(1, chunk_bytes // (weight.shape[0] * users.element_size()))
        items = min(self.n_items, most)
        rows = max(1, most // items)
        for row in range(0, len(users), rows):
            for begin in range(0, self.n_items, items):
                hidden = user_part[row : row + rows, None] + item_part[begin : begin + items]
                scores[row : row + rows, begin : begin + items] = self.rest(hidden).squeeze(2)
        return scores.view(-1)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.01)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
