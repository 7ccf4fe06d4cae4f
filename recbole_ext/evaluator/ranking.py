"""From scores to ranks and lists: masking by index, expected rank among ties, one top-K."""

from __future__ import annotations

import torch

from recbole_ext.errors import ConfigError, RecBoleExtError

__all__ = ["expected_ranks", "mask_scores_", "top_k"]

_COMPARED_BY_ROW = 4


def mask_scores_(
    scores: torch.Tensor, seen_rows: torch.Tensor | None = None, seen_items: torch.Tensor | None = None
) -> torch.Tensor:
    """Takes padding, and the pairs given, out of the candidates, in place.

    Args:
        scores: ``(B, n_items)`` float; column 0 is padding.
        seen_rows, seen_items: ``(S,) int64`` pairs of row and item; None masks padding only.

    Returns:
        ``scores``, with -inf where an item is no candidate.
    """
    scores[:, 0] = -torch.inf
    if seen_rows is not None and seen_items is not None:
        scores[seen_rows, seen_items] = -torch.inf
    return scores


def expected_ranks(scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Rank of each target among all candidates; a target among m equal scores gets its expected rank.

    Where g targets of a row share one score, they get the expected ranks of the first, second, ... of them under a
    random order of the m, so that they never fill one place twice.

    Args:
        scores: ``(B, n_items)`` float, -inf where an item is no candidate.
        rows: ``(T,) int64`` row of each target.
        items: ``(T,) int64`` item of each target.

    Returns:
        ``(T,) float64``: (number with a higher score) + j (m + 1) / (g + 1) for the j-th of g targets among m equal
        scores, which is 1 + higher + (m - 1) / 2 for one alone; infinity for a target that is no candidate.

    Raises:
        RecBoleExtError: A score is NaN.
    """
    if torch.isnan(scores).any():
        row = int(torch.isnan(scores).any(dim=1).nonzero()[0])
        raise RecBoleExtError(
            f"the model gave NaN as a score (row {row} of a batch): lower learning_rate or train anew"
        )
    own = scores[rows, items]
    if len(rows) <= _COMPARED_BY_ROW * len(scores):
        higher, equal = _by_comparison(scores, rows, own)
    else:
        higher, equal = _by_sorting(scores, rows, own)
    place, together = _places_in_ties(rows, higher)
    rank = higher.double() + place * (equal.double() + 1) / (together + 1)
    return torch.where(own == -torch.inf, torch.inf, rank)


def _places_in_ties(rows: torch.Tensor, higher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``j`` and ``g``: targets of one row with as many items above them have the same score."""
    _, group, size = torch.unique(
        torch.stack([rows, higher], dim=1), dim=0, return_inverse=True, return_counts=True
    )
    order = torch.argsort(group, stable=True)
    first = torch.cumsum(size, 0) - size
    place = torch.empty_like(rows)
    place[order] = torch.arange(len(rows), device=rows.device) - first[group[order]] + 1
    return place.double(), size[group].double()


def _by_comparison(
    scores: torch.Tensor, rows: torch.Tensor, own: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    higher, equal = torch.empty_like(rows), torch.empty_like(rows)
    step = max(1, len(scores))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        candidates = scores[rows[part]]  # (step, n_items)
        higher[part] = (candidates > own[part, None]).sum(dim=1)
        equal[part] = (candidates == own[part, None]).sum(dim=1)
    return higher, equal


def _by_sorting(
    scores: torch.Tensor, rows: torch.Tensor, own: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One sort a row instead of one comparison a target: for many targets a user."""
    ordered = scores.sort(dim=1).values
    counts = torch.bincount(rows, minlength=len(scores))
    order = torch.argsort(rows, stable=True)
    first = torch.cumsum(counts, 0) - counts
    place = torch.arange(len(rows), device=rows.device) - first[rows[order]]
    wanted = torch.full((len(scores), int(counts.max())), torch.inf, dtype=scores.dtype, device=scores.device)
    wanted[rows[order], place] = own[order]
    below = torch.searchsorted(ordered, wanted, side="left")[rows[order], place]
    up_to = torch.searchsorted(ordered, wanted, side="right")[rows[order], place]
    higher, equal = torch.empty_like(rows), torch.empty_like(rows)
    higher[order] = scores.shape[1] - up_to
    equal[order] = up_to - below
    return higher, equal


def top_k(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k best candidates of each row, ties by the smaller item id.

    Args:
        scores: ``(B, n_items)`` float, -inf where an item is no candidate.
        k: Length of the lists.

    Returns:
        ``(B, k) int64`` items and their scores, best first; item 0 and -inf where candidates run out.

    Raises:
        ConfigError: k is below 1 or above the catalogue.
    """
    catalogue = scores.shape[1] - 1
    if not 1 <= k <= catalogue:
        raise ConfigError(f"a list of {k} cannot be made of a catalogue of {catalogue} items: change topk")
    values, items = scores.topk(k + 1, dim=1)  # one more shows where the last place is tied
    least, items = values[:, k - 1], items[:, :k]
    tied = (least == values[:, k]) & (least > -torch.inf)
    if tied.any():
        items[tied] = _smallest_ids(scores[tied], least[tied, None], k)
    items = items.sort(dim=1).values
    values, order = scores.gather(1, items).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order)
    return items.masked_fill(values == -torch.inf, 0), values


def _smallest_ids(scores: torch.Tensor, least: torch.Tensor, k: int) -> torch.Tensor:
    """``(B, k)`` items above ``least (B, 1)``, and of those equal to it as many as there is room for."""
    ahead, equal = scores > least, scores == least
    room = k - ahead.sum(dim=1, keepdim=True)
    chosen = ahead | (equal & (equal.cumsum(dim=1, dtype=torch.int32) <= room))
    return chosen.nonzero()[:, 1].view(len(scores), k)
