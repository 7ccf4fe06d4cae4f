"""Whether head and tail have the same chance of being recommended (Zhu, Wang & Caverlee, SIGIR 2020)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import PopularityGroups
from recbole_ext.evaluator.metrics.coverage import checked_csr, checked_lists, relevant_positions

__all__ = ["disparity", "distinct_rows", "pairs_among", "pop_reo", "pop_rsp"]

Ints = npt.NDArray[np.integer[Any]]

_TABLE_ELEMENTS = 1 << 20


def disparity(chances: list[float]) -> float:
    """Population standard deviation over mean of the groups' chances.

    Args:
        chances: P(recommended | group) of each group that can be measured.

    Returns:
        0 = same chance; for two groups |a - b| / (a + b), at most 1. 0 where fewer than two groups can
        be measured or nothing was recommended: no difference is seen.
    """
    if len(chances) < 2 or not any(chances):
        return 0.0
    return float(np.std(chances) / np.mean(chances))


def distinct_rows(indptr: Ints, indices: Ints, n_items: int) -> tuple[Ints, Ints]:
    """Distinct pairs of user row and item: a profile with repeats names each of its items once.

    Args:
        indptr: (U + 1,) row offsets.
        indices: Item ids.
        n_items: Number of internal ids, padding included.

    Returns:
        User rows and item ids, each (distinct pairs,) int64, in the order given.
    """
    pointer, entries = np.asarray(indptr, dtype=np.int64), np.asarray(indices, dtype=np.int64)
    rows = np.repeat(np.arange(len(pointer) - 1), np.diff(pointer))
    kept = np.empty(len(entries), dtype=bool)
    step = max(1, _TABLE_ELEMENTS // n_items)
    table = np.empty(step * n_items, dtype=np.int64)
    for start in range(0, len(pointer) - 1, step):
        part = slice(pointer[start], pointer[min(start + step, len(pointer) - 1)])
        # Of equal pairs the last one's number stays in the table, so that nothing is sorted.
        place = (rows[part] - start) * n_items + entries[part]
        number = np.arange(len(place))
        table[place] = number
        kept[part] = table[place] == number
    return rows[kept], entries[kept]


def pairs_among(rows: Ints, items: Ints, indptr: Ints, indices: Ints, n_items: int) -> npt.NDArray[np.bool_]:
    """Which pairs of user row and item stand among the items per user; takes time linear in both.

    Args:
        rows: (P,) user rows, rising.
        items: (P,) item ids.
        indptr: (U + 1,) row offsets.
        indices: Item ids.
        n_items: Number of internal ids, padding included.
    """
    found = np.zeros(len(rows), dtype=bool)
    step = max(1, _TABLE_ELEMENTS // n_items)
    table = np.zeros(step * n_items, dtype=bool)
    for start in range(0, len(indptr) - 1, step):
        end = min(start + step, len(indptr) - 1)
        part = slice(*np.searchsorted(rows, [start, end]))
        if part.start == part.stop:
            continue
        owners = np.repeat(np.arange(end - start), np.diff(indptr[start : end + 1]))
        place = owners * n_items + indices[indptr[start] : indptr[end]]
        table[place] = True
        found[part] = table[(rows[part] - start) * n_items + items[part]]
        table[place] = False
    return found


def pop_rsp(
    items: Ints, groups: PopularityGroups, indptr: Ints | None = None, indices: Ints | None = None
) -> float:
    """``PopRSP``: std/mean over head and tail of P(recommended | group), ranking-based statistical parity.

    P(recommended | g) = sum_u |L_u, in g| / sum_u |C_u, in g|, C_u = what could be recommended to u:
    the catalogue without the items that were masked for the user (give them: at the test the user's
    training and validation items), else the whole catalogue (give none).

    Args:
        items: (U, K) integers, 0 = no recommendation.
        groups: Head and tail of the catalogue.
        indptr: (U + 1,) row offsets of the masked items.
        indices: Masked item ids of all users.

    Returns:
        Value in [0, 1], 0 = parity; 0 for an all-head or all-tail catalogue and for empty lists.

    Raises:
        DataError: If the lists hold more of a group than could be recommended: the items were not
            masked.
    """
    lists = checked_lists(items, groups.n_items)
    masked = np.zeros(0, dtype=np.int64)
    if indptr is not None and indices is not None:
        pointer, entries = checked_csr(indptr, indices, len(lists), groups.n_items)
        masked = np.asarray(distinct_rows(pointer, entries, groups.n_items)[1], dtype=np.int64)
    chances = []
    for group in (groups.head, groups.tail):
        shown = int(group[lists].sum())
        possible = len(lists) * int(group.sum()) - int(group[masked].sum())
        if shown > possible:
            raise DataError(
                f"The lists show {shown} items of a popularity group of which only {possible} could be "
                "recommended; give only items that were masked."
            )
        if possible:
            chances.append(shown / possible)
    return disparity(chances)


def pop_reo(items: Ints, groups: PopularityGroups, indptr: Ints, indices: Ints) -> float:
    """``PopREO``: std/mean over head and tail of P(recommended | group, relevant), equal opportunity.

    P(recommended | g, relevant) = sum_u |L_u, in g, relevant| / sum_u |held-out items of u in g|: the
    true positive rate of the group.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        groups: Head and tail of the catalogue.
        indptr: (U + 1,) row offsets of the held-out items, distinct within a user.
        indices: Held-out item ids of all users.

    Returns:
        Value in [0, 1], 0 = equal opportunity; 0 where a group has no held-out item and where nobody
        has a hit.
    """
    lists = checked_lists(items, groups.n_items)
    hits = lists[relevant_positions(lists, indptr, indices, groups.n_items)]
    pointer, entries = checked_csr(indptr, indices, len(lists), groups.n_items)
    held_out = distinct_rows(pointer, entries, groups.n_items)[1]
    chances = []
    for group in (groups.head, groups.tail):
        possible = int(group[held_out].sum())
        if possible:
            chances.append(int(group[hits].sum()) / possible)
    return disparity(chances)
