"""What transformers of our own share: embeddings, layers that look back, the last layer at the last item alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recbole_ext._compat.host import SequentialRecommender
from recbole_ext.errors import RecBoleExtError
from recbole_ext.model.inner_product import InnerProduct
from recbole_ext.model.kernels.attention import in_pieces

__all__ = ["CausalLayer", "CausalTransformer"]


class CausalLayer(nn.Module):
    """A layer whose place t sees places 0 to t."""

    def forward(
        self, states: torch.Tensor, buckets: torch.Tensor | None, place: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns the states of all places or of one.

        Args:
            states: ``(B, L, d)``.
            buckets: What :meth:`CausalTransformer.buckets` gave.
            place: ``(B,) int64``, the only place asked for in each row; None for all.

        Returns:
            ``(B, L, d)``, or ``(B, 1, d)``.
        """
        raise NotImplementedError


class CausalTransformer(InnerProduct, SequentialRecommender):
    """Item and place embeddings, causal layers, inner products.

    A subclass fills ``layers`` with :class:`CausalLayer` in its constructor and then calls :meth:`initialise`.

    Args:
        config: ``hidden_size``, ``hidden_dropout_prob``, ``output_embedding`` and ``loss_type``.
        dataset: The training part.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.hidden_size, self.loss_type = int(config["hidden_size"]), config["loss_type"]
        self.TIME_SEQ = dataset.time_field + config["LIST_SUFFIX"]
        self.item_embedding = nn.Embedding(self.n_items, self.hidden_size, padding_idx=0)
        self.position_embedding = nn.Embedding(self.max_seq_length, self.hidden_size)
        self.dropout = nn.Dropout(float(config["hidden_dropout_prob"]))
        self.layers = nn.ModuleList()

    def initialise(self, config: Any) -> None:
        """Draws the weights, once all modules are there."""
        self.apply(self._init_weights)
        self.own_outputs(config, self.hidden_size)

    def _init_weights(self, module: nn.Module) -> None:
        raise NotImplementedError

    def embedded(self, item_seq: torch.Tensor) -> torch.Tensor:
        """``(B, L)`` to ``(B, L, hidden_size)``, the input of the first layer."""
        return self.dropout(
            self.item_embedding(item_seq) + self.position_embedding.weight[: item_seq.size(1)]
        )

    def buckets(self, times: torch.Tensor | None) -> torch.Tensor | None:
        """What the layers read of the ``(B, L) int64`` times of a window: nothing, unless a subclass says so."""
        return None

    def finished(self, states: torch.Tensor) -> torch.Tensor:
        """``(..., hidden_size)`` of the last layer to what meets the items."""
        return states

    def encode(
        self,
        item_seq: torch.Tensor,
        item_seq_len: torch.Tensor,
        user: torch.Tensor,
        times: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Returns ``(B, L, hidden_size)``; position t sees items 0 to t and, where ``times`` are given, their times."""
        states, buckets = self.embedded(item_seq), self.buckets(times)
        for layer in self.layers:
            states = layer(states, buckets)
        return self.finished(states)

    def forward(
        self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, times: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns ``(B, hidden_size)``, the representation after the last item."""

        def last(windows: torch.Tensor, lengths: torch.Tensor, *timed: torch.Tensor) -> torch.Tensor:
            states, buckets = self.embedded(windows), self.buckets(timed[0] if timed else None)
            *below, final = self.layers
            for layer in below:
                states = layer(states, buckets)
            return self.finished(final(states, buckets, (lengths - 1).clamp(min=0)).squeeze(1))

        return in_pieces(last, item_seq, item_seq_len, *(() if times is None else (times,)))

    def times_of(self, interaction: Any) -> torch.Tensor | None:
        """The ``(B, L) int64`` times of a batch; None for a model that reads none.

        Raises:
            RecBoleExtError: The model reads times, and the batch has none.
        """
        if not getattr(self, "reads_times", False):
            return None
        if self.TIME_SEQ not in interaction:
            raise RecBoleExtError(
                f"{type(self).__name__} weighs a history by time, but this history has no times: add times"
            )
        return interaction[self.TIME_SEQ]

    def states_of(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, L, hidden_size)`` of a batch of windows."""
        return self.encode(
            interaction[self.ITEM_SEQ],
            interaction[self.ITEM_SEQ_LEN],
            interaction[self.USER_ID],
            self.times_of(interaction),
        )

    def represented(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, hidden_size)``, the representation of each history."""
        return self.forward(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], self.times_of(interaction)
        )
