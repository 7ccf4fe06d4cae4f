"""BPR with optional inverse-propensity weights on positives."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import general_recommender as host
from recbole_ext.model.losses.popularity import ItemWeights

__all__ = ["BPR"]


class BPR(host.BPR):
    """RecBole's BPR (Rendle et al. 2009); ``ips_power`` above 0 weighs each pair by its positive's propensity.

    Without it, parameters and function equal RecBole's.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.item_weights = ItemWeights(config, dataset)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean of w₊ · -log σ(s₊ - s₋) over the pairs of a batch."""
        if self.item_weights.weight is None:
            return super().calculate_loss(interaction)
        positive = interaction[self.ITEM_ID]
        user, liked = self.forward(interaction[self.USER_ID], positive)
        other = self.get_item_embedding(interaction[self.NEG_ITEM_ID])
        pairs = torch.nn.functional.softplus((user * (other - liked)).sum(dim=1))
        return self.item_weights.mean(pairs, positive)
