"""Horizontal convolutions with max pooling, for every prefix of a window at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

__all__ = ["prefix_maxima"]

_GROUP = 8  # heights per matrix product: few enough to skip most starts that do not fit the window


class _Step(NamedTuple):
    """The sums that the item ``offset`` places after the start of a filter contributes to.

    Attributes:
        offset: Position inside the filters.
        rows: Number of starts that have an item at this offset.
        column: First column of the filters that extend to this offset.
        ends: Whether a height ends here.
    """

    offset: int
    rows: int
    column: int
    ends: bool


def _steps(length: int, starts: int, first: int, heights: int, filters: int) -> list[_Step]:
    """The offsets of the filters of heights first to first + heights - 1, in ascending order."""
    return [
        _Step(o, min(starts, length - o), max(o + 1 - first, 0) * filters, o + 1 >= first)
        for o in range(min(first + heights - 1, length))
    ]


class _PrefixMaxima(torch.autograd.Function):
    """Max-pooled convolutions of a group of adjacent heights; sums are built offset by offset in one scratch buffer.

    After offset o, the sum of start s is the output of a filter that sees items s to s + o followed by padding, which
    is what prefix t = s + o needs. For height o + 1 the sum is complete, and every longer prefix needs it too. All
    prefixes therefore follow from one running maximum over s of the complete sums and one maximum over o of the others.
    """

    @staticmethod
    def forward(
        ctx: Any, items: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, first: int, window: int
    ) -> torch.Tensor:
        length, batch, _ = items.shape
        heights, filters = bias.shape
        size, starts = bias.numel(), min(length, window - first + 1)
        flat, by_offset = items.flatten(0, 1), weight.flatten(0, 1).permute(1, 2, 0)  # (L B, d), (o, d, C)
        last = (window - first - torch.arange(heights, device=items.device)).repeat_interleave(
            filters
        )  # (C,)
        place = torch.arange(length, device=items.device)[:, None]
        sums = torch.where(place[:starts] <= last, bias.flatten(), -torch.inf)  # (S, C)
        sums = sums[:, None].repeat(1, batch, 1).flatten(0, 1)  # (S B, C)
        # Starts past the prefix see only padding; they exist unless the last start lies inside the prefix.
        best = torch.where(place < last, bias.flatten().relu(), 0.0)[:, None].repeat(1, batch, 1)  # (L, B, C)
        chosen = torch.full_like(best, -1, dtype=torch.int16)
        whole = torch.full_like(best, -torch.inf)
        steps = _steps(length, starts, first, heights, filters)
        for o, rows, column, ends in steps:
            part = sums[: rows * batch, column:]
            part.addmm_(flat[o * batch : (o + rows) * batch], by_offset[o, :, column:])
            part, reach = part.view(rows, batch, size - column), (slice(o, o + rows), slice(None))
            seen = best[reach][..., column:]
            chosen[reach][..., column:].masked_fill_(part > seen, o)
            torch.maximum(seen, part, out=seen)
            if ends:
                whole[reach][..., column : column + filters] = part[..., :filters]
        running, source = whole.cummax(dim=0)
        earlier = running > best
        best = torch.where(earlier, running, best)
        ctx.save_for_backward(flat, by_offset, best > 0, chosen, earlier, source)
        ctx.steps, ctx.starts, ctx.shape = steps, starts, (items.shape, weight.shape, bias.shape)
        return best

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        flat, by_offset, positive, chosen, earlier, source = ctx.saved_tensors
        (length, batch, _), weight_shape, (_, filters) = ctx.shape
        grad = grads[0] * positive
        complete = _given_back(grad * earlier, source)
        grad.masked_fill_(earlier, 0)
        size = grad.shape[2]
        grad_bias = (grad * (chosen < 0)).sum(dim=(0, 1))
        grad_items, grad_weight = torch.zeros_like(flat), flat.new_zeros(by_offset.shape)
        sums = flat.new_zeros(ctx.starts * batch, size)
        for o, rows, column, ends in reversed(ctx.steps):
            reach = (slice(o, o + rows), slice(None))
            matrix = sums[: rows * batch, column:]
            part = matrix.view(rows, batch, size - column)
            part += grad[reach][..., column:] * (chosen[reach][..., column:] == o)
            if ends:
                part[..., :filters] += complete[reach][..., column : column + filters]
            items = slice(o * batch, (o + rows) * batch)
            grad_items[items].addmm_(matrix, by_offset[o, :, column:].T)
            grad_weight[o, :, column:] = flat[items].T @ matrix
        grad_bias += sums.sum(dim=0)
        return (
            grad_items.view(length, batch, -1),
            grad_weight.permute(2, 0, 1).reshape(weight_shape),
            grad_bias.view(-1, filters),
            None,
            None,
        )


def _given_back(grad: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """The backward pass of a running maximum, ``(L, ...)``, with a fixed order of additions on a GPU."""
    result, later = torch.empty_like(grad), torch.zeros_like(grad[0])
    for place in reversed(range(len(grad))):
        later = later + grad[place]
        begins = source[place] == place  # a new maximum starts here; all gradients since then belong to it
        result[place] = later * begins
        later = later * ~begins
    return result


def prefix_maxima(
    items: torch.Tensor, weights: list[torch.Tensor], biases: list[torch.Tensor]
) -> torch.Tensor:
    """Computes max over s of relu(b_h + Σ_o W_h[o] · x_(s+o)) for each prefix of the items, padded with zeros.

    The filters of each height h from 1 to ``window`` start at places 0 to window - h. The cost is one pass of
    every filter over the window, independent of the number of prefixes.

    Args:
        items: ``(L, B, d)`` vectors of the items, L ≤ window.
        weights: ``window`` tensors ``(n_h, h, d)``, for heights h from 1 to window.
        biases: ``window`` tensors ``(n_h,)``.

    Returns:
        ``(L, B, window n_h)``, ordered by height, then by filter; row t belongs to the prefix of items 0 to t.
    """
    window, parts = len(weights), []
    for first in range(1, window + 1, _GROUP):
        group = range(first - 1, min(first - 1 + _GROUP, window))
        padded = [torch.nn.functional.pad(weights[i], (0, 0, 0, group.stop - i - 1)) for i in group]
        bias = torch.stack([biases[i] for i in group])
        parts.append(_PrefixMaxima.apply(items, torch.stack(padded), bias, first, window))
    return torch.cat(parts, dim=2)
