"""From scores to ranks and lists: masking by index, places among ties, one top-K, one pass over all users."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch

from recbole_ext.errors import ConfigError, RecBoleExtError

__all__ = [
    "Lists",
    "areas_under_curve",
    "best_candidates",
    "keep_only_",
    "mask_scores_",
    "ranks_within",
    "refuse_nan",
    "top_k",
]

_COMPARED_BY_ROW = 4
# Below the smaller, groups save nothing over one selection; above the larger, their items cost more than their maxima.
_SMALLEST_GROUP, _LARGEST_GROUP = 4, 16
_TIED_ROWS = 64  # at a time, since every item of a row may be tied


class UserBatch(Protocol):
    """Some users of a phase, such as :class:`~recbole_ext.data.dataloader.EvaluationBatch`."""

    @property
    def users(self) -> np.ndarray:
        """``(B,) int64`` internal user ids."""
        ...


Batch = TypeVar("Batch", bound=UserBatch)


@dataclass(frozen=True)
class Lists:
    """The best candidates of each user, best first.

    Attributes:
        items: ``(U, K) int64`` internal item ids, 0 = no item.
        scores: ``(U, K) float64`` their scores, -inf where there is no item.
    """

    items: np.ndarray
    scores: np.ndarray


def best_candidates(
    batches: Iterable[Batch],
    masked_scores: Callable[[Batch], torch.Tensor],
    n_users: int,
    k: int,
    visit: Callable[[slice, Batch, torch.Tensor, torch.Tensor], None] | None = None,
) -> Lists:
    """The k best candidates of every user: scores each batch once and keeps the scores of one batch at a time.

    Args:
        batches: Users in batches.
        masked_scores: From a batch to its ``(B, n_items)`` scores, -inf where an item is not a candidate.
        n_users: U, the users of all batches together.
        k: Length of the lists.
        visit: Called for each batch while its scores are in memory, with the rows of its users, the batch, its
            scores, and the ``(B, k)`` scores of its lists.

    Raises:
        ConfigError: k is below 1 or above the catalogue.
    """
    if k < 1:
        raise ConfigError(f"lists of {k} items are asked for: give a length of at least 1")
    # Filled in place: small arrays that stay, between large ones that go, would keep the heap from shrinking.
    lists = Lists(np.zeros((n_users, k), dtype=np.int64), np.full((n_users, k), -np.inf))
    start = 0
    for batch in batches:
        rows = slice(start, start + len(batch.users))
        scores = masked_scores(batch)
        items, values = top_k(scores, k)
        if visit is not None:
            visit(rows, batch, scores, values)
        lists.items[rows], lists.scores[rows] = items.cpu().numpy(), values.cpu().numpy()
        start = rows.stop
    return lists


def mask_scores_(
    scores: torch.Tensor, seen_rows: torch.Tensor | None = None, seen_items: torch.Tensor | None = None
) -> torch.Tensor:
    """Takes padding, and the pairs given, out of the candidates, in place.

    Args:
        scores: ``(B, n_items)`` float; column 0 is padding.
        seen_rows, seen_items: ``(S,) int64`` pairs of row and item; None masks padding only.

    Returns:
        ``scores``, with -inf where an item is not a candidate.
    """
    scores[:, 0] = -torch.inf
    if seen_rows is not None and seen_items is not None:
        scores[seen_rows, seen_items] = -torch.inf
    return scores


def keep_only_(scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Takes everything but the pairs given out of the candidates, in place.

    Args:
        scores: ``(B, n_items)`` float.
        rows, items: ``(S,) int64`` pairs of row and item; one may come twice.

    Returns:
        ``scores``, with -inf where an item is not a candidate.
    """
    kept = scores[rows, items]
    scores.fill_(-torch.inf)
    scores[rows, items] = kept
    return scores


def ranks_within(
    scores: torch.Tensor, values: torch.Tensor, rows: torch.Tensor, items: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Best place, and number of candidates with the same score, of each target that can stand in a list of K.

    A target with h better candidates among m equal scores takes one of the places h + 1 to h + m. The m are counted
    over all candidates, not only over those in the list.

    All items that score above such a target are in the list, so the catalogue is read only where a target ties with
    the last place.

    Args:
        scores: ``(B, n_items)`` float, -inf where an item is no candidate.
        values: ``(B, K)`` scores of :func:`top_k`.
        rows: ``(T,) int64`` row of each target.
        items: ``(T,) int64`` item of each target.

    Returns:
        ``(T,) float64`` h + 1, infinity for a target that scores below the list or that is no candidate, and
        ``(T,) int64`` m, 1 for a target without a place.

    Raises:
        RecBoleExtError: A score is NaN.
    """
    refuse_nan(values[:, 0])  # NaN is first in a top-K
    own = scores[rows, items]
    found = (own >= values[rows, -1]) & (own > -torch.inf)
    rows, own = rows[found], own[found]
    lists = values[rows]  # (found, K)
    higher, equal = (lists > own[:, None]).sum(dim=1), (lists == own[:, None]).sum(dim=1)
    last = own == lists[:, -1]
    higher[last], equal[last] = _compared(scores, rows[last], own[last])
    ranks = torch.full(found.shape, torch.inf, dtype=torch.float64, device=scores.device)
    ties = torch.ones(found.shape, dtype=torch.int64, device=scores.device)
    ranks[found], ties[found] = higher.double() + 1, equal
    return ranks, ties


def areas_under_curve(scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Area under the ROC curve of each row: the chance that a target scores above another candidate.

    AUC_u = (1 / (T · N)) · sum over targets t and other candidates j of [s_t > s_j] + [s_t = s_j] / 2 (Rendle et al.,
    UAI 2009), over the whole row and not only its list of K.

    Args:
        scores: ``(B, n_items)`` float, -inf where an item is no candidate.
        rows, items: ``(T,) int64`` pairs of row and target; one that comes twice counts once.

    Returns:
        ``(B,) float64``; a target that is no candidate loses to every other, and 0.5 where there is no pair.
    """
    n_rows, width = scores.shape
    pairs = torch.unique(rows * width + items)
    rows, items = pairs // width, pairs % width
    own = scores[rows, items]
    placed = own > -torch.inf
    higher, equal = _compared(scores, rows, own)
    candidates = (scores > -torch.inf).sum(dim=1)
    below = candidates[rows] - higher - equal
    won = torch.where(placed, below + (equal - 1) / 2, 0.0).double()
    held, inside = (torch.bincount(some, minlength=n_rows) for some in (rows, rows[placed]))
    # Two targets of a row make one pair, which one of them wins or both by half.
    among = inside * (inside - 1) / 2
    number = held * (candidates - inside)
    area = (torch.bincount(rows, weights=won, minlength=n_rows) - among) / number.clamp(min=1)
    return torch.where(number > 0, area, 0.5)


def refuse_nan(largest: torch.Tensor) -> None:
    """Looks at the largest score ``(B,)`` of each row, which is NaN where any is.

    Raises:
        RecBoleExtError: It is.
    """
    if torch.isnan(largest).any():
        row = int(torch.isnan(largest).nonzero()[0])
        raise RecBoleExtError(
            f"the model gave NaN as a score (row {row} of a batch): lower learning_rate or train anew"
        )


def _compared(
    scores: torch.Tensor, rows: torch.Tensor, own: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of higher and of equal scores in the row of each target, both ``(T,) int64``."""
    few = len(rows) <= _COMPARED_BY_ROW * len(scores)
    return (_by_comparison if few else _by_sorting)(scores, rows, own)


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


def top_k(scores: torch.Tensor, k: int, *, above: float = -torch.inf) -> tuple[torch.Tensor, torch.Tensor]:
    """The k best candidates of each row, ties by the smaller item id.

    Args:
        scores: ``(B, n_items)`` float, -inf where an item is not a candidate.
        k: Length of the lists.
        above: Items with at most this score are no candidates either.

    Returns:
        ``(B, k) int64`` items and their scores, best first; item 0 and a score of at most ``above`` where candidates
        run out.

    Raises:
        ConfigError: k is below 1 or above the catalogue.
    """
    catalogue = scores.shape[1] - 1
    if not 1 <= k <= catalogue:
        raise ConfigError(f"a list of {k} cannot be made of a catalogue of {catalogue} items: change topk")
    values, items = _largest(scores, k + 1)  # one more shows where the last place is tied
    least = values[:, k - 1]
    tied = ((least == values[:, k]) & (least > above)).nonzero()[:, 0]
    for rows in tied.split(_TIED_ROWS):
        _fill_with_smallest_(items, rows, scores[rows], values[rows, :k])
    items = items[:, :k].sort(dim=1).values
    values, order = scores.gather(1, items).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order)
    return items.masked_fill(values <= above, 0), values


def _largest(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest scores of each row and their items, in any order among ties.

    They lie in the k groups of items with the largest maxima, so that one pass makes the maxima, and the selection
    works on few of the scores. With groups of sqrt(n_items / k) both selections are about as long; a group's items
    stand far apart, so that the pass compares whole stretches of memory.
    """
    n_users, n_items = scores.shape
    size = min(_LARGEST_GROUP, math.isqrt(n_items // k))
    if size < _SMALLEST_GROUP:
        values, items = scores.topk(k, dim=1)
        return values, items
    groups = n_items // size
    maxima = scores[:, : groups * size].view(n_users, size, groups).amax(dim=1)
    chosen = maxima.topk(k, dim=1, sorted=False).indices  # (B, k)
    inside = torch.arange(size, device=scores.device) * groups
    columns = (chosen[:, :, None] + inside).flatten(1)
    rest = torch.arange(groups * size, n_items, device=scores.device).expand(n_users, -1)
    columns = torch.cat([columns, rest], dim=1)
    values, place = scores.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, place)


def _fill_with_smallest_(
    items: torch.Tensor, rows: torch.Tensor, scores: torch.Tensor, values: torch.Tensor
) -> None:
    """Gives the places of the least score in ``items[rows]`` to the smallest ids among all that have it.

    Args:
        items: ``(B, >= k) int64``, changed in place.
        rows: ``(R,) int64``.
        scores: ``(R, n_items)`` of these rows.
        values: ``(R, k)`` of these rows, largest first.
    """
    least = values[:, -1:]
    row, item = (scores == least).nonzero(as_tuple=True)  # by row, then by item
    counts = torch.bincount(row, minlength=len(rows))
    first = counts.cumsum(0) - counts
    place = (values > least).sum(dim=1)[row] + torch.arange(len(row), device=row.device) - first[row]
    kept = place < values.shape[1]
    items[rows[row[kept]], place[kept]] = item[kept]
