"""Soft-max attention and the layers of RecBole's transformers in PyTorch's own kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from recbole_ext._compat.host import MultiHeadAttention

__all__ = [
    "QuickAttention",
    "attention",
    "causal_states",
    "in_pieces",
    "last_states",
    "quicken_attention",
    "split_heads",
]

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": functional.gelu,
    "swish": functional.silu,
}
_MOST_QUERIES = 100
_PLACES_AT_ONCE = 2**14


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    dropout: nn.Dropout,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> torch.Tensor:
    """Computes soft-max attention (Vaswani et al. 2017), scaled by 1 / sqrt(e).

    On the CPU PyTorch's fused kernel has no dropout, so training with dropout multiplies the scores out. A causal
    product is then cut into blocks of queries, each of which meets only the keys up to its own last place.

    Args:
        query: ``(B, h, Q, e)``.
        key, value: ``(B, h, K, e)``.
        dropout: Applied to the attention weights when it is in training mode.
        mask: Broadcast to ``(B, h, Q, K)``: bool (True = attend) or a number added to each score; None for none.
        causal: Whether place t attends to places 0 to t; needs Q = K and no ``mask``.

    Returns:
        ``(B, h, Q, e)``.
    """
    p = dropout.p if dropout.training else 0.0
    if p == 0 or query.is_cuda:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=p, is_causal=causal
        )
    query, transposed = query / math.sqrt(query.shape[-1]), key.transpose(2, 3)
    if not causal:
        return _weighted(query @ transposed, mask, value, dropout)
    width = query.shape[2]
    future = _future(width, query)
    step = math.ceil(width / math.ceil(width / _MOST_QUERIES))
    parts = [
        _weighted(
            query[:, :, start:stop] @ transposed[:, :, :, :stop],
            future[start:stop, :stop],
            value[:, :, :stop],
            dropout,
        )
        for start, stop in ((start, min(start + step, width)) for start in range(0, width, step))
    ]
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _future(width: int, like: torch.Tensor) -> torch.Tensor:
    """``(L, L)``: -inf above the diagonal, 0 elsewhere."""
    return torch.full((width, width), -torch.inf, dtype=like.dtype, device=like.device).triu_(1)


def _weighted(
    scores: torch.Tensor, mask: torch.Tensor | None, value: torch.Tensor, dropout: nn.Dropout
) -> torch.Tensor:
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return dropout(torch.softmax(scores, dim=-1)) @ value


def split_heads(states: torch.Tensor, heads: int) -> torch.Tensor:
    """``(B, L, h e)`` to ``(B, h, L, e)``."""
    return states.unflatten(2, (heads, -1)).transpose(1, 2)


class QuickAttention(MultiHeadAttention):
    """RecBole's attention layer with the same parameters and function, on :func:`attention`.

    A layer becomes one through :func:`quicken_attention`.
    """

    def forward(self, input_tensor: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, L, d)`` with RecBole's additive mask."""
        return self._attended(input_tensor, input_tensor, mask=attention_mask)

    def causal(self, states: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, L, d)``; place t attends to places 0 to t."""
        return self._attended(states, states, causal=True)

    def at(self, states: torch.Tensor, place: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Returns ``(B, 1, d)``: place ``place (B,)`` of each row alone, attending to what ``mask`` lets it."""
        asked = states.gather(1, place.view(-1, 1, 1).expand(-1, 1, states.shape[2]))
        return self._attended(asked, states, mask=mask)

    def _attended(self, asking: torch.Tensor, states: torch.Tensor, **which: Any) -> torch.Tensor:
        heads = self.num_attention_heads
        mixed = attention(
            split_heads(self.query(asking), heads),
            split_heads(self.key(states), heads),
            split_heads(self.value(states), heads),
            dropout=self.attn_dropout,
            **which,
        )
        joined = self.out_dropout(self.dense(mixed.transpose(1, 2).flatten(2)))
        return cast("torch.Tensor", self.LayerNorm(joined + asking))


def quicken_attention(model: nn.Module) -> None:
    """Turns RecBole's attention layers and hand-written activations inside a model into PyTorch's, in place.

    Parameters, their names and the function stay; sums are taken in another order.
    """
    for module in model.modules():
        if type(module) is MultiHeadAttention:
            module.__class__ = QuickAttention
        by_hand: Any = getattr(module, "intermediate_act_fn", None)
        if isinstance(getattr(by_hand, "__self__", None), nn.Module):
            module.__dict__["intermediate_act_fn"] = _ACTIVATIONS[by_hand.__name__]


def causal_states(encoder: Any, states: torch.Tensor) -> torch.Tensor:
    """Runs a quickened ``TransformerEncoder`` of RecBole on windows padded on the right.

    Args:
        encoder: The encoder.
        states: ``(B, L, d)``.

    Returns:
        ``(B, L, d)``; place t has seen places 0 to t.
    """
    for layer in encoder.layer:
        states = layer.feed_forward(layer.multi_head_attention.causal(states))
    return states


def last_states(
    encoder: Any, states: torch.Tensor, place: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Runs a quickened ``TransformerEncoder`` whose last layer computes one place of each row.

    Args:
        encoder: The encoder.
        states: ``(B, L, d)``.
        place: ``(B,) int64``.
        mask: ``(B, 1, 1, L) bool`` keys that every place may attend to; None for causal attention.

    Returns:
        ``(B, d)``.
    """
    *below, last = encoder.layer
    for layer in below:
        attend = layer.multi_head_attention
        attended = attend.causal(states) if mask is None else attend._attended(states, states, mask=mask)
        states = layer.feed_forward(attended)
    if mask is None:
        mask = (torch.arange(states.shape[1], device=place.device) <= place[:, None])[:, None, None]
    return cast(
        "torch.Tensor", last.feed_forward(last.multi_head_attention.at(states, place, mask)).squeeze(1)
    )


def in_pieces(
    function: Callable[..., torch.Tensor], windows: torch.Tensor, *others: torch.Tensor
) -> torch.Tensor:
    """Applies a function of rows, without gradients on the CPU few at a time: their activations fit into the cache.

    Args:
        function: Takes ``windows`` and ``others`` and returns one row for each of theirs.
        windows: ``(B, L)``.
        others: ``(B, ...)`` each.
    """
    rows = max(1, _PLACES_AT_ONCE // windows.shape[1])
    if torch.is_grad_enabled() or windows.is_cuda or len(windows) <= rows:
        return function(windows, *others)
    pieces = zip(*(part.split(rows) for part in (windows, *others)), strict=True)
    return torch.cat([function(*piece) for piece in pieces])
