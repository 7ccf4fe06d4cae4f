"""Losses over sampled negatives; for the whole catalogue see :mod:`recbole_ext.model.losses.full_softmax`."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

__all__ = ["bpr_all_positions", "bpr_max", "gbce", "own_scores", "sampled_softmax"]


def _kept(negative: torch.Tensor, hits: torch.Tensor | None, value: float) -> torch.Tensor:
    """The negatives' terms, with draws of the positive itself replaced by a neutral value."""
    return negative if hits is None else negative.masked_fill(hits, value)


# Multiplying by a vector is that much cheaper in a product with all of them than when it is gathered first.
_GATHERED = 64


def _scores(output: torch.Tensor, items: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nd,nkd->nk", output, nn.functional.embedding(drawn, items))


def _among_all(output: torch.Tensor, items: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    return (output @ items.T).gather(1, drawn)


def own_scores(
    output: torch.Tensor, items: torch.Tensor, drawn: torch.Tensor, *, most_elements: int = 1 << 24
) -> torch.Tensor:
    """Computes the logits of items drawn separately for each row, block by block.

    Where there are fewer than 64 k items, a row is multiplied with all of them and the drawn logits are taken out;
    otherwise the drawn vectors are gathered first. The backward pass does this again instead of storing it.

    Args:
        output: ``(N, d)`` representations.
        items: ``(n_items, d)`` weights.
        drawn: ``(N, k) int64`` item ids.
        most_elements: Maximum number of values gathered or logits computed at once.

    Returns:
        ``(N, k)``.
    """
    all_of_them = len(items) < _GATHERED * drawn.shape[1]
    scores_of = _among_all if all_of_them else _scores
    a_row = len(items) if all_of_them else drawn.shape[1] * output.shape[1]
    step = max(1, most_elements // a_row)
    parts = [
        checkpoint(scores_of, output[row : row + step], items, drawn[row : row + step], use_reentrant=False)
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
    """Computes soft-max cross-entropy against sampled negatives, with logQ correction (Bengio and Senécal 2008).

    The loss is -s₊ + log(exp s₊ + Σ_j exp(s_j - log(k q_j))) over the draws j that are not the positive. The expected
    sum is Σ exp s_i over all items but the positive, so the loss approaches the full soft-max (without padding) as k
    grows. k counts all draws, including those that hit the positive. The positive itself is always present and needs
    no correction (Yi et al., RecSys 2019, correct it too, because their negatives are the other positives).

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
    """Computes generalised binary cross-entropy (Petrov and Macdonald, RecSys 2023, gSASRec).

    The loss is -(β log σ(s₊) + Σ_j log(1 - σ(s_j))) / (k + 1) with β = r (t (1 - 1/r) + 1/r) = 1 - t (1 - r) and the
    sampling rate r = k / (catalogue - 1), the expected number of draws of a negative, which may exceed 1. t = 0 is
    binary cross-entropy; t = 1 calibrates the probabilities fully.

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of uniform draws.
        catalogue: Number of items, padding excluded.
        t: Calibration, from 0 to 1.
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
    """Computes -log σ(s₊ - s_j), averaged over a row's negatives (Rendle et al. 2009).

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of the negatives.
        hits: ``(N, k) bool``, draws that are the row's positive; the mean leaves them out.

    Returns:
        ``(N,)`` losses; 0 for a row whose draws all hit the positive.
    """
    pairs = nn.functional.softplus(negative - positive[:, None])
    if hits is None:
        return pairs.mean(dim=1)
    return _kept(pairs, hits, 0.0).sum(dim=1) / (~hits).sum(dim=1).clamp(min=1)


def bpr_max(
    positive: torch.Tensor,
    negative: torch.Tensor,
    *,
    penalty: float = 1.0,
    elu: float = 0.0,
    hits: torch.Tensor | None = None,
) -> torch.Tensor:
    """Computes BPR-max (Hidasi and Karatzoglou, CIKM 2018): pairs weighted by how highly a negative is scored.

    The loss is -log Σ_j w_j σ(s₊ - s_j) + λ Σ_j w_j s_j², with w the soft-max of the negatives' scores: almost all of
    the gradient goes to the negatives near the top, however many there are. As in the authors' code all scores may pass
    an exponential linear unit first, which keeps their order.

    Args:
        positive: ``(N,)`` logits of the targets.
        negative: ``(N, k)`` logits of the negatives.
        penalty: λ.
        elu: α of the unit; 0 for none.
        hits: ``(N, k) bool``, draws that are the row's positive; they have no weight.

    Returns:
        ``(N,)`` losses; 0 for a row whose draws all hit the positive.
    """
    if elu:
        positive, negative = (nn.functional.elu(scores, elu) for scores in (positive, negative))
    alone = None if hits is None else hits.all(dim=1)
    masked = hits if hits is None or alone is None else hits & ~alone[:, None]
    log_weight = torch.log_softmax(_kept(negative, masked, -torch.inf), dim=1)
    won = nn.functional.logsigmoid(positive[:, None] - negative)
    losses = -torch.logsumexp(log_weight + won, dim=1)
    losses = losses + penalty * (log_weight.exp() * negative**2).sum(dim=1)
    return losses if alone is None else losses.masked_fill(alone, 0.0)
