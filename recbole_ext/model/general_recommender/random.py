"""Random scores: the lower bound of every comparison."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType

__all__ = ["Random"]

_GOLDEN, _MIX_1, _MIX_2 = -7046029254386353131, -4658895280553007687, -7723592293110705685


class Random(GeneralRecommender):
    """Uniform scores that depend only on the seed, the user and the item.

    A pair is hashed with the finaliser of SplitMix64 (Steele, Lea and Flood 2014), so that ``predict`` and
    ``full_sort_predict`` agree and a run repeats exactly.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.POINTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.seed = int(config["seed"])
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))

    def _score(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        """Scores in [0, 1) of users and items, broadcast against each other."""
        key = (user * self.n_items + item + 1 + self.seed * 1_000_003) * _GOLDEN
        key = (key ^ ((key >> 30) & (2**34 - 1))) * _MIX_1
        key = (key ^ ((key >> 27) & (2**37 - 1))) * _MIX_2
        key = key ^ ((key >> 31) & (2**33 - 1))
        return ((key >> 11) & (2**53 - 1)).to(torch.float64) / 2**53

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float64`` scores of pairs."""
        return self._score(interaction[self.USER_ID], interaction[self.ITEM_ID])

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float64`` scores of the whole catalogue."""
        items = torch.arange(self.n_items, device=self.device)
        return self._score(interaction[self.USER_ID][:, None], items).reshape(-1)
