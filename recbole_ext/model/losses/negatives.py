"""Losses over drawn negatives; the one over the whole catalogue is in :mod:`recbole_ext.model.losses.full_softmax`."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["bpr_all_positions", "gbce", "own_scores", "sampled_softmax"]


def _kept(negative: torch.Tensor, hits: torch.Tensor | None, value: float) -> torch.Tensor:
    """Negatives' terms, those that are the positive itself replaced by a neutral value."""
    return negative if hits is None else negative.masked_fill(hits, value)


def _scores(output: torch.Tensor, items: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nd,nkd->nk", output, nn.functional.embedding(drawn, items))


def own_scores(
    output: torch.Tensor, items: torch.Tensor, drawn: torch.Tensor, *, most_elements: int = 1 << 24
) -> torch.Tensor:
    """Logits of items that were drawn for each row alone, block by block.

    The drawn items' vectors, ``k`` for each row, are gathered again in the backward pass rather than kept.

    Args:
        output: ``(N, d)`` representations.
        items: ``(n_items, d)`` weights.
        drawn: ``(N, k) int64`` item ids.
        most_elements: Numbers gathered at once.

    Returns:
        ``(N, k)``.
    """
    step = max(1, most_elements // (drawn.shape[1] * output.shape[1]))
    parts = [
        checkpoint(_scores, output[row : row + step], items, drawn[row : row + step], use_reentrant=False)
        for row in range(0, len(output), step)
    ]
    return torch.cat(parts) if parts else output.new_empty(drawn.shape)


def sampled_softmax(
    positive: torch.Tensor,
    negative: torch.Tensor,
    *,
    log_expected: torch.Tensor | None = None,
    hits: torch.Tensor | None = None,
) -> torch.Tensor:
    """Soft-max cross-entropy against drawn negatives, with logQ correction (Bengio and Senécal 2008).

    -s₊ + log(exp s₊ + Σ_j exp(s_j - log(k q_j))) over the draws j that are not the positive: the expectation of the
    sum is Σ exp s_i over all items but the positive, so that the loss approaches the full soft-max (without padding)
    as k grows. k counts all draws, those that hit the positive included. The positive itself is always there and
    needs no correction (Yi et al., RecSys 2019, correct it as well, as their negatives are the other positives).

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of draws with replacement.
        log_expected: ``(k,)`` or ``(N, k)``, log(k q_j) of each draw; None for the uncorrected loss.
        hits: ``(N, k) bool``, draws that are the row's positive.

    Returns:
        ``(N,)`` losses.
    """
    if log_expected is not None:
        negative = negative - log_expected
    others = _kept(negative, hits, -torch.inf)
    return torch.logsumexp(torch.cat([positive[:, None], others], dim=1), dim=1) - positive


def gbce(
    positive: torch.Tensor,
    negative: torch.Tensor,
    *,
    catalogue: int,
    t: float = 0.75,
    hits: torch.Tensor | None = None,
) -> torch.Tensor:
    """Generalised binary cross-entropy (Petrov and Macdonald, RecSys 2023, gSASRec).

    -(β log σ(s₊) + Σ_j log(1 - σ(s_j))) / (k + 1) with β = r (t (1 - 1/r) + 1/r) = 1 - t (1 - r) and the sampling
    rate r = k / (catalogue - 1): how often a negative is drawn, which may be more than once. t = 0 is binary
    cross-entropy; t = 1 calibrates the probabilities fully.

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of uniform draws.
        catalogue: Items without padding.
        t: Calibration from 0 to 1.
        hits: ``(N, k) bool``, draws that are the row's positive; their terms are left out.

    Returns:
        ``(N,)`` losses.
    """
    drawn = negative.shape[1]
    rate = drawn / max(catalogue - 1, 1)
    beta = 1 - t * (1 - rate)
    wrong = _kept(nn.functional.softplus(negative), hits, 0.0).sum(dim=1)
    return (beta * nn.functional.softplus(-positive) + wrong) / (drawn + 1)


def bpr_all_positions(
    positive: torch.Tensor, negative: torch.Tensor, *, hits: torch.Tensor | None = None
) -> torch.Tensor:
    """-log σ(s₊ - s_j), mean over a row's negatives (Rendle et al. 2009).

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of the negatives.
        hits: ``(N, k) bool``, draws that are the row's positive; the mean leaves them out.

    Returns:
        ``(N,)`` losses; 0 for a row without negatives that count.
    """
    pairs = nn.functional.softplus(negative - positive[:, None])
    if hits is None:
        return pairs.mean(dim=1)
    return _kept(pairs, hits, 0.0).sum(dim=1) / (~hits).sum(dim=1).clamp(min=1)
