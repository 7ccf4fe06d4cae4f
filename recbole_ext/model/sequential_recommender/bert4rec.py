"""BERT4Rec trained on masked windows."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.errors import ConfigError
from recbole_ext.model.all_positions import SequenceLoss

__all__ = ["BERT4Rec"]


class BERT4Rec(host.BERT4Rec):
    """RecBole's BERT4Rec (Sun et al., CIKM 2019) with the same parameters and function.

    RecBole masks every prefix of a user, never predicts the first item of a window and, if more than
    ``mask_ratio`` L items are masked, predicts only the last ones. Here the windows of a user are masked (see
    ``recbole_ext.data.cloze``), and every masked item is predicted.
    """

    cloze = True  # its batches are windows with masked items

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.sequence_loss = SequenceLoss(config, dataset)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean loss over masked items, or RecBole's loss for a batch of prefixes."""
        if "target_seq" not in interaction:
            if not self.sequence_loss.is_default:
                raise ConfigError(
                    "sequence_loss and ips_power only work with masked windows: set sequence_training: "
                    "all_positions and loss_type: CE, or leave both keys out"
                )
            return super().calculate_loss(interaction)
        target = interaction["target_seq"]  # (B, L)
        asked = target > 0
        output = self.forward(interaction[self.MASK_ITEM_SEQ])[asked]  # (N, hidden_size)
        # An item's bias becomes the weight of an extra component that is 1 in every representation.
        output = torch.cat([output, output.new_ones(len(output), 1)], dim=1)
        items = torch.cat([self.item_embedding.weight[: self.n_items], self.output_bias[:, None]], dim=1)
        return self.sequence_loss(output, items, target[asked])
