"""How much of the catalogue, of the tail and of the users the lists reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import PopularityGroups

__all__ = [
    "checked_csr",
    "checked_lists",
    "exposure_counts",
    "item_coverage",
    "relevant_positions",
    "tail_coverage",
    "user_coverage",
]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def checked_lists(items: Ints, n_items: int) -> npt.NDArray[np.int64]:
    """The one input convention of all list metrics, checked.

    Args:
        items: (U, K) integers, best first; 0 = no recommendation. An item may stand once in a list.
        n_items: Number of internal ids, padding included.

    Returns:
        (U, K) int64.

    Raises:
        DataError: If the array has another shape or type, or names an id outside the catalogue.
    """
    array = np.asarray(items)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"Recommendation lists must be a table (users, K) of integer item ids, but have shape "
            f"{array.shape} and type {array.dtype}."
        )
    if array.size and (array.min() < 0 or array.max() >= n_items):
        wrong = int(array.min()) if array.min() < 0 else int(array.max())
        raise DataError(
            f"A recommendation list names item id {wrong}, but ids run from 0 (padding) to {n_items - 1}; "
            "give the counts of the same catalogue that the lists come from."
        )
    return array.astype(np.int64, copy=False)


def checked_csr(
    indptr: Ints, indices: Ints, n_users: int, n_items: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Items per user as compressed rows, checked: row u is ``indices[indptr[u]:indptr[u + 1]]``.

    Args:
        indptr: (U + 1,) integers, rising from 0 to the number of entries.
        indices: (entries,) integers, item ids from 1 on.
        n_users: U, the rows that the lists have.
        n_items: Number of internal ids, padding included.

    Returns:
        Both as int64.

    Raises:
        DataError: If the rows do not fit the lists or the catalogue.
    """
    pointer, entries = np.asarray(indptr, dtype=np.int64), np.asarray(indices, dtype=np.int64)
    if pointer.shape != (n_users + 1,):
        raise DataError(
            f"Items per user have {max(len(pointer) - 1, 0)} rows, but there are {n_users} "
            "recommendation lists; give one row per list, in the same order."
        )
    if pointer[0] != 0 or pointer[-1] != len(entries) or (np.diff(pointer) < 0).any():
        raise DataError(
            f"Row offsets of the items per user must rise from 0 to {len(entries)}, but run from "
            f"{pointer[0]} to {pointer[-1]}."
        )
    if len(entries) and (entries.min() < 1 or entries.max() >= n_items):
        raise DataError(
            f"Items per user have ids from {entries.min()} to {entries.max()}, but an item id lies "
            f"between 1 and {n_items - 1}."
        )
    return pointer, entries


def exposure_counts(items: Ints, n_items: int) -> npt.NDArray[np.int64]:
    """How many lists show each item.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        n_items: Number of internal ids, padding included.

    Returns:
        (n_items,) int64; index 0 is 0: padding is never shown.
    """
    exposure = np.bincount(checked_lists(items, n_items).ravel(), minlength=n_items)
    exposure[0] = 0
    return exposure


def item_coverage(items: Ints, n_items: int) -> float:
    """``ItemCoverage`` = |union of L_u| / |I| (Herlocker et al., TOIS 2004; Ge et al., RecSys 2010).

    RecBole's metric of this name counts padding as an item; this one does not.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        n_items: Number of internal ids, padding included, so |I| = n_items - 1.

    Returns:
        Share in [0, 1]; 0 without any recommendation.
    """
    return float(np.count_nonzero(exposure_counts(items, n_items)) / max(n_items - 1, 1))


def tail_coverage(items: Ints, groups: PopularityGroups) -> float:
    """``TailCoverage`` = |union of L_u, in T| / |T| (ACLT's set form; Abdollahpouri et al. 2019).

    Args:
        items: (U, K) integers, 0 = no recommendation.
        groups: Head and tail of the catalogue.

    Returns:
        Share in [0, 1]; 0 where the tail is empty, because no tail item can be shown.
    """
    shown = exposure_counts(items, groups.n_items) > 0
    return float(np.count_nonzero(shown & groups.tail) / max(groups.n_tail, 1))


def relevant_positions(items: Ints, indptr: Ints, indices: Ints, n_items: int) -> npt.NDArray[np.bool_]:
    """Which positions of the lists hold a relevant (held-out) item of their user.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        indptr: (U + 1,) row offsets of the held-out items.
        indices: Held-out item ids of all users.
        n_items: Number of internal ids, padding included.

    Returns:
        (U, K) bool.
    """
    lists = checked_lists(items, n_items)
    pointer, entries = checked_csr(indptr, indices, len(lists), n_items)
    per_user = np.diff(pointer)
    if not len(entries):
        return np.zeros(lists.shape, dtype=bool)
    if per_user.max() == 1:
        target = np.full(len(lists), -1, dtype=np.int64)
        target[per_user == 1] = entries
        return lists == target[:, None]
    # A pair (user, item) is one integer, so that one sorted search answers for all users at once.
    known = np.sort(np.repeat(np.arange(len(lists)), per_user) * n_items + entries)
    asked = np.arange(len(lists))[:, None] * n_items + lists
    found = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return known[found] == asked


def user_coverage(items: Ints, indptr: Ints, indices: Ints, n_items: int) -> Floats:
    """``UserCoverage``: which users have at least one hit; the mean is the share of users served.

    Over groups: ``group_means(user_coverage(...), user_groups(...))``. With one held-out item per user
    it equals Hit@K. The reach of a recommender over users: Good et al. 1999; Ge et al., RecSys 2010.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        indptr: (U + 1,) row offsets of the held-out items.
        indices: Held-out item ids of all users.
        n_items: Number of internal ids, padding included.

    Returns:
        (U,) float64, 0 or 1; 0 for a user with an empty list or without held-out items.
    """
    hit = np.any(relevant_positions(items, indptr, indices, n_items), axis=1)
    return np.asarray(hit, dtype=np.float64)
