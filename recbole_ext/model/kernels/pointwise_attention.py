"""Attention without a soft-max, and what it knows of places and times."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["RelativeBias", "pointwise_attention", "time_buckets"]

_MOST_QUERIES = 100
_LOG_STEP = 0.301


def time_buckets(times: torch.Tensor, number: int) -> torch.Tensor:
    """Returns the bucket of the time between each two items, floor(log(max(1, |seconds|)) / 0.301).

    Args:
        times: ``(B, L) int64`` seconds; their differences are exact.
        number: Buckets; longer times fall into the last one.

    Returns:
        ``(B, L, L) int64``, from the item of the row to that of the column.
    """
    apart = (times[:, :, None] - times[:, None, :]).abs_().clamp_(min=1)
    return (apart.float().log_() / _LOG_STEP).long().clamp_(max=number - 1)


class _Entries(torch.autograd.Function):
    """Entries of a small table; the gradient of an entry is one sum, in the same order each time on the CPU."""

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(table)
        return table[index]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (index,) = ctx.saved_tensors
        sums = torch.bincount(index.flatten(), grads[0].flatten(), minlength=ctx.size)
        return sums.to(grads[0].dtype), None


class RelativeBias(nn.Module):
    """A number for each distance in places and, with times, for each bucket of time (Zhai et al. 2024).

    Args:
        length: Places of a window.
        buckets: Of time; 0 for a bias by place alone.
        std: Standard deviation of the initial numbers.
    """

    def __init__(self, length: int, buckets: int, std: float = 0.02) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.empty(length).normal_(std=std))
        self.times = nn.Parameter(torch.empty(buckets).normal_(std=std)) if buckets else None

    def forward(self, places: torch.Tensor, buckets: torch.Tensor | None) -> torch.Tensor:
        """Returns the bias of pairs.

        Args:
            places: ``(Q, K) int64`` places from the key to the query; the future, below 0, is read as 0.
            buckets: ``(B, Q, K) int64`` of :func:`time_buckets`, or None to leave time out.

        Returns:
            ``(Q, K)`` or ``(B, Q, K)``.
        """
        by_place = _Entries.apply(self.places, places.clamp(min=0))
        if buckets is None or self.times is None:
            return by_place
        return by_place + _Entries.apply(self.times, buckets)


def pointwise_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: RelativeBias,
    buckets: torch.Tensor | None,
    *,
    scale: float,
    first: torch.Tensor | None = None,
) -> torch.Tensor:
    """Computes Σ_s silu(q_t k_s + bias(t, s)) v_s ``scale`` over s ≤ t (Zhai et al. 2024), block by block of queries.

    Args:
        query: ``(B, h, Q, e)``.
        key, value: ``(B, h, K, e)``.
        bias: Of places and times, the same for every head.
        buckets: ``(B, Q, K) int64``, or None.
        scale: What the sum is multiplied by.
        first: ``(B,) int64`` place of each row's only query (Q = 1); None if query t stands at place t (Q = K).

    Returns:
        ``(B, h, Q, e)``.
    """
    width = key.shape[2]
    keys = torch.arange(width, device=key.device)
    if first is not None:
        places = first[:, None, None] - keys  # (B, 1, K)
        return _block(query, key, value, bias, places, buckets, scale)
    step = math.ceil(width / math.ceil(width / _MOST_QUERIES))
    parts = []
    for start in range(0, width, step):
        stop = min(start + step, width)
        places = keys[start:stop, None] - keys[:stop]
        near = None if buckets is None else buckets[:, start:stop, :stop]
        rows = query[:, :, start:stop], key[:, :, :stop], value[:, :, :stop]
        parts.append(_block(*rows, bias, places, near, scale))
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _block(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: RelativeBias,
    places: torch.Tensor,
    buckets: torch.Tensor | None,
    scale: float,
) -> torch.Tensor:
    added = bias(places, buckets).unsqueeze(-3)  # (1, Q, K) or (B, 1, Q, K)
    past = ((places >= 0) * scale).to(query.dtype).unsqueeze(-3)
    return (functional.silu(query @ key.transpose(2, 3) + added) * past) @ value
