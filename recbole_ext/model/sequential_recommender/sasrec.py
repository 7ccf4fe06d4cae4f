"""SASRec with a loss at every position."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.model.inner_product import InnerProduct
from recbole_ext.model.kernels.attention import causal_states, in_pieces, last_states, quicken_attention

__all__ = ["SASRec"]


class SASRec(InnerProduct, host.SASRec):
    """RecBole's SASRec (Kang and McAuley 2018) with the same parameters and function, in PyTorch's kernels.

    RecBole trains on the last position of each prefix; here every position has a target, as in the paper. The paper
    normalises in front of its layers and has one dropout rate; RecBole normalises behind them, and so does this class.
    Windows are padded on the right, so that causal attention needs no other mask. Ranking computes the last layer at
    the last item alone.

    Args:
        config: RecBole's keys, and ``output_embedding``: tied (items are scored by the vectors that they are read as)
            or separate (by vectors of their own).
        dataset: The training part.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        quicken_attention(self)
        self.own_outputs(config, self.hidden_size)

    def _embedded(self, item_seq: torch.Tensor) -> torch.Tensor:
        """``(B, L)`` to ``(B, L, hidden_size)``, the input of the first layer."""
        embedded = self.item_embedding(item_seq) + self.position_embedding.weight[: item_seq.size(1)]
        return self.dropout(self.LayerNorm(embedded))

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, L, hidden_size)`` from causal self-attention: position t sees items 0 to t."""
        return causal_states(self.trm_encoder, self._embedded(item_seq))

    def forward(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, hidden_size)``, the representation after the last item."""

        def last(windows: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return last_states(self.trm_encoder, self._embedded(windows), (lengths - 1).clamp(min=0))

        return in_pieces(last, item_seq, item_seq_len)
