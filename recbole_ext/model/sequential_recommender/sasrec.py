"""SASRec with a loss at every position."""

from __future__ import annotations

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.model.all_positions import AllPositions

__all__ = ["SASRec"]


class SASRec(AllPositions, host.SASRec):
    """RecBole's SASRec (Kang and McAuley 2018) with the same parameters and function.

    RecBole trains on the last position of each prefix; here every position has a target, as in the paper.
    """

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, L, hidden_size)`` from causal self-attention: position t sees items 0 to t."""
        positions = torch.arange(item_seq.size(1), device=item_seq.device).expand_as(item_seq)
        embedded = self.item_embedding(item_seq) + self.position_embedding(positions)
        embedded = self.dropout(self.LayerNorm(embedded))  # (B, L, hidden_size)
        mask = self.get_attention_mask(item_seq)
        return self.trm_encoder(embedded, mask, output_all_encoded_layers=True)[-1]
