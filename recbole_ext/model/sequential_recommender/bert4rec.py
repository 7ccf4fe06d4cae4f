"""BERT4Rec trained on masked windows."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.errors import ConfigError
from recbole_ext.model.all_positions import SequenceLoss
from recbole_ext.model.kernels.attention import in_pieces, last_states, quicken_attention

__all__ = ["BERT4Rec"]


class BERT4Rec(host.BERT4Rec):
    """RecBole's BERT4Rec (Sun et al., CIKM 2019) with the same parameters and function, in PyTorch's kernels.

    RecBole masks every prefix of a user, never predicts the first item of a window and, if more than
    ``mask_ratio`` L items are masked, predicts only the last ones. Here the windows of a user are masked (see
    ``recbole_ext.data.cloze``), and every masked item is predicted. Ranking computes the last layer at the mask alone.
    With ``sequence_loss: gbce`` it is gBERT4Rec (Petrov and Macdonald, RecSys 2023).

    At an evaluation RecBole appends a mask to the window and drops the window's first item, even of a history that
    is shorter than the window; so does this class.
    """

    cloze = True  # its batches are windows with masked items

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        quicken_attention(self)
        self.sequence_loss = SequenceLoss(config, dataset)

    def reconstruct_test_data(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, L)``: the windows without their first items, and with a mask behind the last."""
        longer = torch.nn.functional.pad(item_seq, (0, 1))
        return longer.scatter(1, item_seq_len[:, None], self.mask_token)[:, 1:]

    def represented(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, hidden_size)``, the representation of the item behind each history."""
        lengths = interaction[self.ITEM_SEQ_LEN]
        return in_pieces(
            self._at_mask, self.reconstruct_test_data(interaction[self.ITEM_SEQ], lengths), lengths
        )

    def _at_mask(self, windows: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.item_embedding(windows) + self.position_embedding.weight[: windows.size(1)]
        states = self.dropout(self.LayerNorm(embedded))
        mask = (windows != 0)[:, None, None]
        output = last_states(self.trm_encoder, states, (lengths - 1).clamp(min=0), mask)
        return self.output_ln(self.output_gelu(self.output_ffn(output)))

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of one item per history."""
        item = interaction[self.ITEM_ID]
        of_item = self.item_embedding(item)
        return (self.represented(interaction) * of_item).sum(dim=1) + self.output_bias[item]

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        items = self.item_embedding.weight[: self.n_items]
        return self.represented(interaction) @ items.T + self.output_bias

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
