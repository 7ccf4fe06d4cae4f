"""eSASRec: SASRec's objective with gated layers and a sampled soft-max."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from recbole_ext.model.kernels.attention import attention, split_heads
from recbole_ext.model.sequential_recommender.causal_transformer import CausalLayer, CausalTransformer

__all__ = ["LiGRLayer", "eSASRec"]


class LiGRLayer(CausalLayer):
    """x + σ(G₁ x) attention(norm x), then x + σ(G₂ x) swiglu(norm x) (LiGR, Borisyuk et al. 2025).

    swiglu(x) = W₃ (silu(W₁ x) W₂ x), without biases (Shazeer 2020).

    Args:
        size: d.
        inner: Width of the feed-forward part.
        heads: Of attention.
        dropout: On both branches and inside the feed-forward part.
        attention_dropout: On the attention weights.
        eps: Added to variances.
    """

    def __init__(
        self, size: int, inner: int, heads: int, dropout: float, attention_dropout: float, eps: float
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(size, eps=eps), nn.LayerNorm(size, eps=eps)
        self.query, self.key, self.value, self.output = (nn.Linear(size, size) for _ in range(4))
        self.gate_1, self.gate_2 = nn.Linear(size, size), nn.Linear(size, size)
        self.dense_1, self.dense_2 = (nn.Linear(size, inner, bias=False) for _ in range(2))
        self.dense_3 = nn.Linear(inner, size, bias=False)
        self.dropout, self.attention_dropout = nn.Dropout(dropout), nn.Dropout(attention_dropout)

    def forward(
        self, states: torch.Tensor, buckets: torch.Tensor | None, place: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As :class:`CausalLayer`; times are not read."""
        normal = self.norm_1(states)
        if place is None:
            asking, mask = normal, None
        else:
            row = torch.arange(len(states), device=states.device)
            seen = torch.arange(states.shape[1], device=states.device) <= place[:, None]
            states, asking = states[row, place][:, None], normal[row, place][:, None]
            mask = seen[:, None, None]
        mixed = attention(
            split_heads(self.query(asking), self.heads),
            split_heads(self.key(normal), self.heads),
            split_heads(self.value(normal), self.heads),
            dropout=self.attention_dropout,
            mask=mask,
            causal=place is None,
        )
        attended = self.dropout(self.output(mixed.transpose(1, 2).flatten(2)))
        states = states + torch.sigmoid(self.gate_1(states)) * attended
        normal = self.norm_2(states)
        inner = self.dropout(functional.silu(self.dense_1(normal)) * self.dense_2(normal))
        return states + torch.sigmoid(self.gate_2(states)) * self.dropout(self.dense_3(inner))


class eSASRec(CausalTransformer):
    """Shifted sequences, LiGR layers and sampled soft-max (Tikhonovich et al., RecSys 2025).

    From the paper's code (RecTools) it differs in the windows: they are redrawn each epoch so that every training item
    is a target, where the paper keeps each user's last items, and places are counted from the window's start, where
    the paper counts from its end. Weights are drawn as there (Xavier normal). The paper draws 256 uniform negatives for
    each target; ``loss_negatives_shared: true`` draws them once for all targets of a batch.

    Args:
        config: ``n_layers``, ``n_heads``, ``hidden_size``, ``inner_size``, ``hidden_dropout_prob``,
            ``attn_dropout_prob``, ``layer_norm_eps``, ``output_embedding`` and ``loss_type``.
        dataset: The training part.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.layers.extend(
            LiGRLayer(
                self.hidden_size,
                int(config["inner_size"]),
                int(config["n_heads"]),
                float(config["hidden_dropout_prob"]),
                float(config["attn_dropout_prob"]),
                float(config["layer_norm_eps"]),
            )
            for _ in range(int(config["n_layers"]))
        )
        self.initialise(config)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.xavier_normal_(module.weight)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight[module.padding_idx].detach())
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
