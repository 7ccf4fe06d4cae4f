"""From scores to ranks and lists: masking by index, expected rank among ties, one top-K."""

from __future__ import annotations

import torch

from recbole_ext.errors import ConfigError, RecBoleExtError

__all__ = ["expected_ranks", "mask_scores_", "top_k"]

_COMPARED_BY_ROW = 4
_BLOCK = 32


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
    unknown = torch.isnan(scores.amax(dim=1))  # the largest of numbers and NaN is NaN
    if unknown.any():
        row = int(unknown.nonzero()[0])
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
    if torch.equal(rows, torch.arange(len(scores), device=rows.device)):
        return _counted(scores, own)
    higher, equal = torch.empty_like(rows), torch.empty_like(rows)
    step = max(1, len(scores))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        higher[part], equal[part] = _counted(scores[rows[part]], own[part])
    return higher, equal


def _counted(candidates: torch.Tensor, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Candidates above and beside each row's own score; 32-bit sums take half the time of 64-bit ones."""
    higher = (candidates > own[:, None]).sum(dim=1, dtype=torch.int32)
    equal = (candidates == own[:, None]).sum(dim=1, dtype=torch.int32)
    return higher.long(), equal.long()


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
    values, items = _largest(scores, min(k + 1, scores.shape[1]))
    items, order = items[:, :k].sort(dim=1)
    values, last, beyond = values[:, :k].gather(1, order), values[:, k - 1], values[:, k:]
    values, order = values.sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order)
    if beyond.shape[1] and (tied := (beyond[:, 0] == last).nonzero()[:, 0]).numel():
        items[tied], values[tied] = _top_k_of_ties(scores[tied], k)
    return torch.where(values == -torch.inf, 0, items), values


def _largest(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest scores of each row and their items, in any order among ties.

    They lie in the k blocks of items with the largest maxima, so that one pass makes the maxima, and the selection
    works on few of the scores.
    """
    n_users, n_items = scores.shape
    whole = n_items // _BLOCK
    if whole < 4 * k:
        return tuple(scores.topk(k, dim=1))  # type: ignore[return-value]
    blocks = scores[:, : whole * _BLOCK].view(n_users, whole, _BLOCK)
    chosen = blocks.amax(dim=2).topk(k, dim=1, sorted=False).indices  # (B, k)
    inside = torch.arange(_BLOCK, device=scores.device)
    columns = (chosen[:, :, None] * _BLOCK + inside).flatten(1)
    rest = torch.arange(whole * _BLOCK, n_items, device=scores.device).expand(n_users, -1)
    columns = torch.cat([columns, rest], dim=1)
    values, place = scores.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, place)


def _top_k_of_ties(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of which more than k candidates reach the k-th score: of those that equal it, the smallest ids."""
    least = scores.topk(k, dim=1).values[:, -1:]
    ahead, at_least = scores > least, scores == least
    room = k - ahead.sum(dim=1, keepdim=True)
    chosen = ahead | (at_least & (at_least.cumsum(dim=1) <= room))
    items = chosen.nonzero()[:, 1].view(len(scores), k)  # ascending ids
    values, order = scores.gather(1, items).sort(dim=1, descending=True, stable=True)
    return items.gather(1, order), values
