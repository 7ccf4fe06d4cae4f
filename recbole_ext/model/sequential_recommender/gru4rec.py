"""GRU4Rec with a loss at every position."""

from __future__ import annotations

import torch

from recbole_ext import _compat

_compat.apply()

from recbole.model.sequential_recommender.gru4rec import GRU4Rec as HostGRU4Rec  # noqa: E402

from recbole_ext.model.all_positions import AllPositions  # noqa: E402
from recbole_ext.model.recurrence import gru_states  # noqa: E402

__all__ = ["GRU4Rec"]


class GRU4Rec(AllPositions, HostGRU4Rec):
    """RecBole's GRU4Rec (Hidasi et al. 2016; Tan et al. 2016), the same parameters and the same function."""

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """``(B, L, embedding_size)``: the recurrent state after each item."""
        embedded = self.emb_dropout(self.item_embedding(item_seq))  # (B, L, embedding_size)
        # On a GPU cuDNN's own recurrence is one kernel.
        if self.training and not embedded.is_cuda:
            return self.dense(gru_states(self.gru_layers, embedded))
        return self.dense(self.gru_layers(embedded)[0])
