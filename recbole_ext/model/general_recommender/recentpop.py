"""Popularity over the most recent days."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType

__all__ = ["RecentPop"]

_SECONDS_A_DAY = 86_400


class RecentPop(GeneralRecommender):
    """Popularity at the end of the training data, the baseline for splits by time (Ji et al., SIGIR 2020).

    With T the time of the last training interaction, score(i) = Σ 2^(-(T - t) / ``half_life_days``) over the training
    interactions of i at times t with T - t < ``last_days``. Null disables a key; with both null the model equals Pop.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        items, times = (
            np.asarray(dataset.inter_feat[name]) for name in (dataset.iid_field, dataset.time_field)
        )
        age = (times.max() - times) / _SECONDS_A_DAY
        weight = np.ones(len(items))
        if config["half_life_days"] is not None:
            weight = np.exp2(-age / float(config["half_life_days"]))
        if config["last_days"] is not None:
            weight[age >= float(config["last_days"])] = 0
        scores = np.bincount(items, weight, minlength=self.n_items)
        self.register_buffer("popularity", torch.from_numpy(scores), persistent=False)  # (n_items,) float64

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float64`` scores of pairs."""
        return self.popularity[interaction[self.ITEM_ID]]

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float64`` scores of the whole catalogue."""
        return self.popularity.repeat(len(interaction[self.USER_ID]))
