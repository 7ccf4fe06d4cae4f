"""BERT4Rec on masked windows."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.errors import ConfigError
from recbole_ext.model.all_positions import SequenceLoss

__all__ = ["BERT4Rec"]


class BERT4Rec(host.BERT4Rec):
    """RecBole's BERT4Rec (Sun et al., CIKM 2019), the same parameters and the same function.

    RecBole masks every prefix of a user, never asks for the first item of a window, and of more than
    ``mask_ratio`` L masked items only for the last ones; here a user's windows are masked, see
    ``recbole_ext.data.cloze``, and every masked item is asked for.
    """

    cloze = True  # its batches are windows with masked items

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.sequence_loss = SequenceLoss(config, dataset)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Mean loss over the masked items of windows; RecBole's loss for a batch of prefixes."""
        if "target_seq" not in interaction:
            if not self.sequence_loss.is_default:
                raise ConfigError(
                    "sequence_loss and ips_power work on masked windows only: set sequence_training: "
                    "all_positions and loss_type: CE, or leave both keys out"
                )
            return super().calculate_loss(interaction)
        target = interaction["target_seq"]  # (B, L)
        asked = target > 0
        output = self.forward(interaction[self.MASK_ITEM_SEQ])[asked]  # (N, hidden_size)
        # The bias of an item is the weight of a further component, which is 1 in every representation.
        output = torch.cat([output, output.new_ones(len(output), 1)], dim=1)
        items = torch.cat([self.item_embedding.weight[: self.n_items], self.output_bias[:, None]], dim=1)
        return self.sequence_loss(output, items, target[asked])
