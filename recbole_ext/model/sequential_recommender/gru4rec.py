"""GRU4Rec with a loss at every position."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.model.inner_product import InnerProduct
from recbole_ext.model.kernels.recurrence import gru_states

__all__ = ["GRU4Rec"]


class GRU4Rec(InnerProduct, host.GRU4Rec):
    """RecBole's GRU4Rec (Hidasi et al. 2016; Tan et al. 2016) with the same parameters and function.

    The keys below come nearer to the authors' own code (Hidasi and Czapp, RecSys 2023). What stays different: the
    recurrence has no biases and starts at zero in each window, dropout of the state does not enter the recurrence, and
    no optimiser of RecBole's has Adagrad's momentum.

    Args:
        config: RecBole's keys, of which ``dropout_prob`` is the dropout of the embeddings, and

            * ``hidden_dropout_prob``: dropout of the states of each layer;
            * ``dense_layer``: whether a layer maps the state to the size of an embedding. Without it an item's
              embedding is the state's own weight for it, the authors' constrained embedding;
            * ``output_embedding``: tied (items are scored by the vectors that they are read as) or separate;
            * ``output_bias``: whether the score of an item has a bias.
        dataset: The training part.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        dropout = float(config["hidden_dropout_prob"])
        self.hidden_dropout = nn.Dropout(dropout)
        if self.num_layers > 1:
            self.gru_layers.dropout = dropout
        if not config["dense_layer"]:
            self.dense = nn.Identity()
        self.own_outputs(config, self.embedding_size)
        self.output_bias = nn.Parameter(torch.zeros(self.n_items)) if config["output_bias"] else None

    def item_embeddings(self) -> torch.Tensor:
        """Returns the ``(n_items, d)`` weights that score a representation; a bias is the last of them."""
        items = super().item_embeddings()
        return items if self.output_bias is None else torch.cat([items, self.output_bias[:, None]], dim=1)

    def _outputs(self, states: torch.Tensor) -> torch.Tensor:
        """``(B, L, hidden_size)`` to ``(B, L, d)``; with a bias the last component is 1."""
        outputs = self.dense(self.hidden_dropout(states))
        return outputs if self.output_bias is None else nn.functional.pad(outputs, (0, 1), value=1.0)

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the representation after each item, ``(B, L, d)``."""
        embedded = self.emb_dropout(self.item_embedding(item_seq))  # (B, L, embedding_size)
        # On a GPU, cuDNN runs the recurrence as one kernel.
        if self.training and not embedded.is_cuda:
            return self._outputs(gru_states(self.gru_layers, embedded))
        return self._outputs(self.gru_layers(embedded)[0])

    def forward(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, d)``, the representation after the last item."""
        states = self.gru_layers(self.emb_dropout(self.item_embedding(item_seq)))[0]
        return self.gather_indexes(self._outputs(states), item_seq_len - 1)
