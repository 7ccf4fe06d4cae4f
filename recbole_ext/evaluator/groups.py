"""Which items are head or tail, and which users are heavy or light: the groups that every figure names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import ConfigError, DataError, nearest

__all__ = [
    "HEAD_RULES",
    "PopularityGroups",
    "UserGroups",
    "group_means",
    "most_popular_first",
    "popularity_groups",
    "popularity_thirds",
    "user_groups",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

HEAD_RULES: dict[str, str] = {
    "interactions_80": "fewest most popular items that hold 80 % of the training interactions",
    "interactions_20": "fewest most popular items that hold 20 % of the training interactions",
    "items_20": "most popular 20 % of the items",
}

# Exact fractions of the interactions: a float 0.8 would misplace an item that lands on the bound.
_FIFTHS_OF_INTERACTIONS = {"interactions_80": 4, "interactions_20": 1}


@dataclass(frozen=True, eq=False)
class PopularityGroups:
    """Head and tail of a catalogue under one rule.

    Padding (index 0) is in neither group; every other item is in exactly one.

    Attributes:
        head_rule: A name of ``HEAD_RULES``, to be printed with every figure.
        head: (n_items,) bool.
        tail: (n_items,) bool: the catalogue without the head.
    """

    head_rule: str
    head: Bools
    tail: Bools

    @property
    def n_items(self) -> int:
        """Number of internal ids, padding included."""
        return len(self.head)

    @property
    def n_head(self) -> int:
        """Number of head items."""
        return int(self.head.sum())

    @property
    def n_tail(self) -> int:
        """Number of tail items."""
        return int(self.tail.sum())

    def __str__(self) -> str:
        return f"{self.head_rule}: {self.n_head} head and {self.n_tail} tail items"


@dataclass(frozen=True, eq=False)
class UserGroups:
    """Heavy and light users: top and bottom quarter by number of training interactions.

    Attributes:
        heavy: (U,) bool, U // 4 users.
        light: (U,) bool, U // 4 users, disjoint from ``heavy``.
    """

    heavy: Bools
    light: Bools

    def masks(self) -> dict[str, Bools]:
        """The groups that have at least one user, by name."""
        both = {"heavy": self.heavy, "light": self.light}
        return {name: mask for name, mask in both.items() if mask.any()}


def checked_counts(counts: Ints) -> npt.NDArray[np.int64]:
    """Training interactions per internal item id, with padding set to 0.

    Args:
        counts: (n_items,) integers >= 0, index 0 = padding; what stands there is ignored.

    Returns:
        (n_items,) int64, a copy.

    Raises:
        DataError: If the array is no vector of non-negative integers, or has no item beside padding.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"Item counts must be one vector of integers, but have shape {array.shape} and type "
            f"{array.dtype}; count the training interactions of each item id."
        )
    if len(array) < 2:
        raise DataError("The catalogue has no item beside padding; loosen the filter of the data set.")
    result = array.astype(np.int64)
    result[0] = 0
    if result.min() < 0:
        raise DataError(
            f"Item id {int(result.argmin())} has {int(result.min())} training interactions; a count "
            "cannot be negative, so count the training interactions again."
        )
    return result


def most_popular_first(counts: Ints) -> npt.NDArray[np.int64]:
    """Item ids by falling number of training interactions; equal counts by the smaller id.

    Args:
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.

    Returns:
        (n_items - 1,) int64, without padding.
    """
    return np.argsort(-checked_counts(counts)[1:], kind="stable") + 1


def popularity_groups(counts: Ints, head_rule: str = "interactions_80") -> PopularityGroups:
    """Cut a catalogue into head and tail.

    - ``interactions_80`` (Anelli et al., Elliot, SIGIR 2021) and ``interactions_20`` (the short head of
      Abdollahpouri et al. 2021): the fewest most popular items that together hold at least that share
      of the training interactions.
    - ``items_20``: the ceil(|I| / 5) most popular items.

    Among items with equal counts the smaller id is taken as the more popular one. An item without
    training interactions is always tail; without any interaction the head is therefore empty. Where all
    interactions sit on all items (for example one item only), the tail may be empty.

    Args:
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.
        head_rule: A name of ``HEAD_RULES``.

    Returns:
        The groups.

    Raises:
        ConfigError: If the rule is unknown.
        DataError: If ``counts`` is malformed.
    """
    if head_rule not in HEAD_RULES:
        raise ConfigError(
            f"head_rule is '{head_rule}', but must be one of {', '.join(HEAD_RULES)}"
            f"{nearest(str(head_rule), HEAD_RULES) or '.'}"
        )
    clean = checked_counts(counts)
    order = most_popular_first(clean)
    if head_rule == "items_20":
        size = -(-len(order) // 5)
    else:
        held = np.cumsum(clean[order])
        size = int(np.searchsorted(5 * held, _FIFTHS_OF_INTERACTIONS[head_rule] * held[-1])) + 1
    head = np.zeros(len(clean), dtype=bool)
    head[order[:size]] = True
    head &= clean > 0
    tail = ~head
    tail[0] = False
    return PopularityGroups(head_rule, head, tail)


def popularity_thirds(counts: Ints) -> npt.NDArray[np.int8]:
    """Head, mid and tail of Abdollahpouri et al. (UMAP 2021), independent of ``head_rule``.

    Head = fewest most popular items with 20 % of the interactions, tail = what lies beyond the fewest
    most popular items with 80 %, mid = the rest. Ties and items without interactions as in
    ``popularity_groups``.

    Args:
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.

    Returns:
        (n_items,) int8: 0 head, 1 mid, 2 tail, -1 padding.
    """
    thirds = np.ones(len(counts), dtype=np.int8)
    thirds[popularity_groups(counts, "interactions_20").head] = 0
    thirds[popularity_groups(counts, "interactions_80").tail] = 2
    thirds[0] = -1
    return thirds


def user_groups(n_interactions: Ints) -> UserGroups:
    """Heavy and light users: the first and the last U // 4 by number of training interactions.

    Users with equal numbers are ordered by row, the smaller one as the heavier. With fewer than four
    users both groups are empty. Users without training interactions count as the lightest.

    Args:
        n_interactions: (U,) integers, training interactions of each evaluated user (``np.diff(indptr)``).

    Returns:
        The groups, row by row as given.
    """
    numbers = np.asarray(n_interactions)
    if numbers.ndim != 1:
        raise DataError(f"Interactions per user must be one vector, but have shape {numbers.shape}.")
    order = np.argsort(-numbers.astype(np.int64), kind="stable")
    quarter = len(order) // 4
    heavy, light = np.zeros((2, len(order)), dtype=bool)
    heavy[order[:quarter]] = True
    light[order[len(order) - quarter :]] = True
    return UserGroups(heavy, light)


def group_means(values: Floats, groups: UserGroups) -> dict[str, float]:
    """Mean of a per-user metric over all users and over each user group.

    Args:
        values: (U,) float.
        groups: Heavy and light users of the same rows.

    Returns:
        ``all``, ``heavy`` and ``light``; a group without users is left out.
    """
    masks = {"all": np.ones(len(values), dtype=bool), **groups.masks()}
    return {name: float(values[mask].mean()) for name, mask in masks.items() if mask.any()}
