"""An MLP on the mean of the history's embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recbole_ext._compat.host import BPRLoss, SequentialRecommender
from recbole_ext.model.all_positions import AllPositions

__all__ = ["MLPSeq"]


class MLPSeq(AllPositions, SequentialRecommender):
    """Hidden layers on the mean of the window's item embeddings; the same embeddings score the items.

    After item t the average is Σ_{s≤t} γ^(t-s) e_s / Σ_{s≤t} γ^(t-s) with γ = ``recency_decay``; 1 is the plain mean
    (Covington et al., RecSys 2016, who train on prefixes). Apart from the window's limit, only γ makes order matter.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        size, hidden = int(config["embedding_size"]), [int(width) for width in config["mlp_hidden_size"]]
        self.loss_type, self.decay = config["loss_type"], float(config["recency_decay"])
        self.item_embedding = nn.Embedding(self.n_items, size, padding_idx=0)
        self.emb_dropout = nn.Dropout(float(config["dropout_prob"]))
        layers: list[nn.Module] = []
        for below, above in zip([size, *hidden[:-1]], hidden, strict=True):
            layers += [nn.Linear(below, above), nn.ReLU(), nn.Dropout(float(config["dropout_prob"]))]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], size))
        self.loss_fct = BPRLoss() if self.loss_type == "BPR" else nn.CrossEntropyLoss()
        self.apply(_initialise)

    def _averages(self, embedded: torch.Tensor) -> torch.Tensor:
        """The weighted mean up to each position, ``(B, L, d)`` to ``(B, L, d)``."""
        if self.decay == 1:
            count = torch.arange(1, embedded.size(1) + 1, device=embedded.device)
            return embedded.cumsum(dim=1) / count[:, None]
        # A matrix of powers: cumulative sums would divide by γ^L.
        place = torch.arange(embedded.size(1), device=embedded.device)
        age = place[:, None] - place  # (L, L)
        weight = torch.where(age >= 0, self.decay ** age.clamp(min=0).to(embedded.dtype), 0.0)
        return (weight / weight.sum(dim=1, keepdim=True)) @ embedded

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the representation of the items up to each position, ``(B, L, embedding_size)``."""
        return self.layers(self._averages(self.emb_dropout(self.item_embedding(item_seq))))

    def forward(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor) -> torch.Tensor:
        """Returns the representation after the last item, ``(B, embedding_size)``."""
        averages = self._averages(self.emb_dropout(self.item_embedding(item_seq)))
        return self.layers(self.gather_indexes(averages, item_seq_len - 1))

    def represented(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, d)``, the representation of each history."""
        return self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the loss at all positions if the batch has targets for them, else RecBole's CE or BPR loss."""
        if "target_seq" in interaction or not self.sequence_loss.is_default:
            return super().calculate_loss(interaction)
        output, wanted = self.represented(interaction), interaction[self.POS_ITEM_ID]
        if self.loss_type == "CE":
            return self.loss_fct(output @ self.item_embedding.weight.T, wanted)
        liked, other = (self.item_embedding(item) for item in (wanted, interaction[self.NEG_ITEM_ID]))
        return self.loss_fct((output * liked).sum(dim=1), (output * other).sum(dim=1))

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of one item per history."""
        return (self.represented(interaction) * self.item_embedding(interaction[self.ITEM_ID])).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        return self.represented(interaction) @ self.item_embedding.weight.T


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.xavier_normal_(module.weight)
        with torch.no_grad():
            module.weight[0].zero_()
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
