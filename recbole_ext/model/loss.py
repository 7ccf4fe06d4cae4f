"""Losses over the whole catalogue in chunks: memory does not grow with positions times items."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["full_softmax"]

_CHUNK_BYTES = 64 * 2**20


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Loss and both gradients chunk by chunk in the forward pass; the backward pass only scales them."""

    @staticmethod
    def forward(
        ctx: Any, output: torch.Tensor, items: torch.Tensor, targets: torch.Tensor, step: int
    ) -> torch.Tensor:
        total = output.new_zeros(())
        grad_output = torch.empty_like(output)
        grad_items = torch.zeros_like(items)
        for start in range(0, len(output), step):
            rows = slice(start, start + step)
            part, wanted = output[rows], targets[rows]
            logits = part @ items.T  # (step, n_items)
            log_sum = torch.logsumexp(logits, dim=1)
            total += (log_sum - logits.gather(1, wanted[:, None]).squeeze(1)).sum()
            # soft-max minus one-hot, made in the place of the logits
            share = logits.sub_(log_sum[:, None]).exp_()
            share[torch.arange(len(part), device=part.device), wanted] -= 1
            grad_output[rows] = share @ items
            grad_items.addmm_(share.T, part)
        ctx.save_for_backward(grad_output, grad_items)
        ctx.count = len(output)
        return total / len(output)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        grad_output, grad_items = ctx.saved_tensors
        scale = grads[0] / ctx.count
        return grad_output * scale, grad_items * scale, None, None


def full_softmax(
    output: torch.Tensor,
    item_embedding: torch.Tensor,
    targets: torch.Tensor,
    *,
    chunk_bytes: int = _CHUNK_BYTES,
) -> torch.Tensor:
    """Mean soft-max cross-entropy over all items, padding included, as RecBole's sequential models have it.

    Args:
        output: ``(N, d)`` representations.
        item_embedding: ``(n_items, d)`` weights that score them.
        targets: ``(N,) int64`` item ids.
        chunk_bytes: Most bytes of logits at once; where all fit, PyTorch's own loss is used.

    Returns:
        A scalar.
    """
    row_bytes = item_embedding.shape[0] * output.element_size()
    if len(output) * row_bytes <= chunk_bytes:
        return nn.functional.cross_entropy(output @ item_embedding.T, targets)
    step = max(1, chunk_bytes // row_bytes)
    return _ChunkedCrossEntropy.apply(output, item_embedding, targets, step)
