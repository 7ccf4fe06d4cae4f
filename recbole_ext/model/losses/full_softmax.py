"""Soft-max cross-entropy over the whole catalogue, computed in blocks that bound the memory for logits."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import embedding

__all__ = ["full_softmax"]

_MOST_BYTES = 64 * 2**20
_CACHED_BYTES = 4 * 2**20
_FEWEST_ROWS = 256
_TINY = 1e-30


class _BlockwiseCrossEntropy(torch.autograd.Function):
    """Computes loss and both gradients block by block in the forward pass; the backward pass only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        output: torch.Tensor,
        items: torch.Tensor,
        targets: torch.Tensor,
        step: int,
        weights: torch.Tensor | None,
        precision: torch.dtype,
    ) -> torch.Tensor:
        left, right = output.to(precision), items.to(precision)
        losses = output.new_empty(len(output))
        grad_output, grad_items = torch.empty_like(output), torch.zeros_like(items)
        step = min(step, len(output))
        logits = left.new_empty(step, len(items))
        shares = torch.empty_like(logits)
        for start in range(0, len(output), step):
            rows = slice(start, start + step)
            part, wanted = left[rows], targets[rows]
            share = shares[: len(part)]
            torch.softmax(torch.mm(part, right.T, out=logits[: len(part)]), dim=1, out=share)
            losses[rows] = _log_losses(share, output[rows], items, wanted)
            _subtract_targets(share, losses[rows], wanted)
            if weights is not None:
                share *= weights[rows, None].to(precision)
            grad_output[rows] = share @ right
            if precision == items.dtype:
                grad_items.addmm_(share.T, part)
            else:
                grad_items += share.T @ part
        ctx.save_for_backward(grad_output, grad_items)
        ctx.count = len(output)
        return (losses.sum() if weights is None else losses @ weights) / len(output)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_output, grad_items = ctx.saved_tensors
        scale = grads[0] / ctx.count
        return grad_output * scale, grad_items * scale, None, None, None, None


def _log_losses(
    share: torch.Tensor, output: torch.Tensor, items: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """-log of the targets' shares; where a share underflows, the logarithm is recomputed from the logits."""
    wanted = share.gather(1, targets[:, None]).squeeze(1).to(output.dtype)
    losses = wanted.clamp_min(_TINY).log_().neg_()
    lost = torch.nonzero(wanted < _TINY).squeeze(1)
    if len(lost):
        logits = output[lost] @ items.T
        losses[lost] = torch.logsumexp(logits, 1) - logits.gather(1, targets[lost, None]).squeeze(1)
    return losses


def _subtract_targets(share: torch.Tensor, losses: torch.Tensor, targets: torch.Tensor) -> None:
    """Subtracts the one-hot targets from the shares, in place.

    Where the target has more than half of the share, its entry and its loss are computed from the sum of the other
    shares. Near 1, bfloat16 has steps of 1/256: the target's share would round to 1, and its loss to 0, long before
    the other shares vanish, and the gradient would no longer sum to 0.
    """
    place = torch.arange(len(share), device=share.device)
    sure = torch.nonzero(share[place, targets] > 0.5).squeeze(1)
    share[place, targets] -= 1
    if len(sure):
        others = share[sure].scatter_(1, targets[sure, None], 0.0).sum(dim=1, dtype=losses.dtype)
        share[sure, targets[sure]] = -others.to(share.dtype)
        losses[sure] = -torch.log1p(-others)


def _rows_at_once(row_bytes: int, most_bytes: int, device: torch.device) -> int:
    """Rows per block: as many as the CPU cache holds, but enough to keep the matrix products fast."""
    most = max(1, most_bytes // row_bytes)
    return most if device.type != "cpu" else min(most, max(_FEWEST_ROWS, _CACHED_BYTES // row_bytes))


def full_softmax(
    output: torch.Tensor,
    item_embedding: torch.Tensor,
    targets: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
    smoothing: float = 0.0,
    chunk_bytes: int = _MOST_BYTES,
    precision: torch.dtype | None = None,
) -> torch.Tensor:
    """Computes the mean soft-max cross-entropy over all items, padding included, as RecBole's sequential models do.

    Args:
        output: ``(N, d)`` representations.
        item_embedding: ``(n_items, d)`` weights that score them.
        targets: ``(N,) int64`` item ids.
        weights: ``(N,)`` factor of each row's loss; the mean still divides by N.
        smoothing: Share ε of the target's probability that is spread evenly over all items (Szegedy et al. 2016):
            (1 - ε) CE(target) + ε mean_i CE(i) = CE(target) + ε (logit of the target - mean logit).
        chunk_bytes: Maximum size of a block of logits.
        precision: Data type of logits, shares and their three products; sums stay in the type of ``output``, which is
            also the default. bfloat16 represents a logit or a share to one part in 256.

    Returns:
        The scalar loss.
    """
    chosen = precision or output.dtype
    row_bytes = item_embedding.shape[0] * chosen.itemsize
    step = _rows_at_once(row_bytes, chunk_bytes, output.device)
    loss = _BlockwiseCrossEntropy.apply(output, item_embedding, targets, step, weights, chosen)
    if not smoothing:
        return loss
    above = (output * (embedding(targets, item_embedding) - item_embedding.mean(dim=0))).sum(dim=1)
    return loss + smoothing * (above if weights is None else above * weights).mean()
