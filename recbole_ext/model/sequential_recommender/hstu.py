"""HSTU: attention without a soft-max that knows places and times."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from recbole_ext.model.kernels.attention import split_heads
from recbole_ext.model.kernels.pointwise_attention import RelativeBias, pointwise_attention, time_buckets
from recbole_ext.model.sequential_recommender.causal_transformer import CausalLayer, CausalTransformer

__all__ = ["HSTU", "HSTULayer"]


class HSTULayer(CausalLayer):
    """x + W₂ (u ⊙ norm(A v)) with u, v, q, k = silu(W₁ norm x) and A = silu(q kᵀ + bias) / L over the past.

    Args:
        size: d; each head has d / ``heads``.
        heads: Of attention.
        length: L, places of a window.
        buckets: Of time; 0 for none.
        dropout: In front of W₂.
        std: Standard deviation of the initial W₁ and biases.
        eps: Added to variances.
    """

    def __init__(
        self, size: int, heads: int, length: int, buckets: int, dropout: float, std: float, eps: float
    ) -> None:
        super().__init__()
        self.heads, self.length, self.std = heads, length, std
        self.shape, self.eps = [size], eps
        self.uvqk = nn.Linear(size, 4 * size, bias=False)
        self.output = nn.Linear(size, size)
        self.bias = RelativeBias(length, buckets, std)
        self.dropout = nn.Dropout(dropout)

    def _norm(self, states: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(states, self.shape, eps=self.eps)

    def forward(
        self, states: torch.Tensor, buckets: torch.Tensor | None, place: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As :class:`CausalLayer`, with the ``(B, L, L)`` buckets of :func:`time_buckets`."""
        mixed = functional.silu(self.uvqk(self._norm(states)))
        gate, value, query, key = mixed.chunk(4, dim=2)
        if place is not None:
            row = torch.arange(len(states), device=states.device)
            states, gate, query = (part[row, place][:, None] for part in (states, gate, query))
            buckets = None if buckets is None else buckets[row, place][:, None]
        attended = pointwise_attention(
            split_heads(query, self.heads),
            split_heads(key, self.heads),
            split_heads(value, self.heads),
            self.bias,
            buckets,
            scale=1 / self.length,
            first=place,
        )
        joined = gate * self._norm(attended.transpose(1, 2).flatten(2))
        return states + self.output(self.dropout(joined))


class HSTU(CausalTransformer):
    """Hierarchical sequential transduction units (Zhai et al., ICML 2024) for next items.

    From the authors' public experiments it differs in what a place knows: there the bias of place t is computed from
    the time of item t + 1, so that the model knows when the item that it predicts is watched. That time is not part
    of a history, and much of MovieLens is told by it; here the bias is computed from the time of item t. Windows are
    redrawn each epoch so that every training item is a target. As there, histories and items are normalised and their
    product divided by ``temperature``, and the sum over the past is divided by ``MAX_ITEM_LIST_LENGTH``, not by the
    length of the history.

    Args:
        config: ``n_layers``, ``n_heads``, ``hidden_size``, ``hidden_dropout_prob``, ``initializer_range``,
            ``layer_norm_eps``, ``relative_time_buckets`` (0: no bias by time), ``similarity`` (cosine or product),
            ``temperature`` (of cosine), ``output_embedding`` and ``loss_type``.
        dataset: The training part.
    """

    reads_times = True

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.number = int(config["relative_time_buckets"])
        self.cosine, self.temperature = config["similarity"] == "cosine", float(config["temperature"])
        self.std = float(config["initializer_range"])
        self.layers.extend(
            HSTULayer(
                self.hidden_size,
                int(config["n_heads"]),
                self.max_seq_length,
                self.number,
                float(config["hidden_dropout_prob"]),
                self.std,
                float(config["layer_norm_eps"]),
            )
            for _ in range(int(config["n_layers"]))
        )
        self.initialise(config)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            std = self.hidden_size**-0.5 if module is self.position_embedding else self.std
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            if module.padding_idx is not None:
                nn.init.zeros_(module.weight[module.padding_idx].detach())
        elif isinstance(module, HSTULayer):
            nn.init.normal_(module.uvqk.weight, std=self.std)
            nn.init.xavier_uniform_(module.output.weight)

    def embedded(self, item_seq: torch.Tensor) -> torch.Tensor:
        """``(B, L)`` to ``(B, L, hidden_size)``, with items scaled by the square root of the size."""
        items = self.item_embedding(item_seq) * math.sqrt(self.hidden_size)
        return self.dropout(items + self.position_embedding.weight[: item_seq.size(1)])

    def buckets(self, times: torch.Tensor | None) -> torch.Tensor | None:
        """``(B, L, L) int64`` buckets of the times between items; None without times."""
        return time_buckets(times, self.number) if self.number and times is not None else None

    def finished(self, states: torch.Tensor) -> torch.Tensor:
        """Divided by its length and by the temperature, unless ``similarity`` is product."""
        return functional.normalize(states, dim=-1) / self.temperature if self.cosine else states

    def item_embeddings(self) -> torch.Tensor:
        """Returns the ``(n_items, hidden_size)`` weights that score a representation."""
        items = super().item_embeddings()
        return functional.normalize(items, dim=-1) if self.cosine else items
