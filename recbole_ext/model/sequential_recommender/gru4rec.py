"""GRU4Rec with a loss at every position."""

from __future__ import annotations

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.model.all_positions import AllPositions
from recbole_ext.model.kernels.recurrence import gru_states

__all__ = ["GRU4Rec"]


class GRU4Rec(AllPositions, host.GRU4Rec):
    """RecBole's GRU4Rec (Hidasi et al. 2016; Tan et al. 2016) with the same parameters and function."""

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the recurrent state after each item, ``(B, L, embedding_size)``."""
        embedded = self.emb_dropout(self.item_embedding(item_seq))  # (B, L, embedding_size)
        # On a GPU, cuDNN runs the recurrence as one kernel.
        if self.training and not embedded.is_cuda:
            return self.dense(gru_states(self.gru_layers, embedded))
        return self.dense(self.gru_layers(embedded)[0])
