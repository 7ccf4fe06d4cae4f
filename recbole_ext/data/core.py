"""The k-core: users and items with enough interactions, and what is removed for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Core", "CoreCounts", "core_of"]


@dataclass(frozen=True)
class CoreCounts:
    """How much the k-core removes.

    Attributes:
        min_user, min_item: Least number of interactions of a user and of an item.
        users, items, interactions: What there was before, and what stays.
    """

    min_user: int
    min_item: int
    users: tuple[int, int]
    items: tuple[int, int]
    interactions: tuple[int, int]

    @property
    def name(self) -> str:
        """``5-core``, or both numbers where they differ."""
        if self.min_user == self.min_item:
            return f"{self.min_user}-core"
        return f"core of at least {self.min_user} a user and {self.min_item} an item"

    def words(self) -> str:
        """One sentence on what is removed."""
        removed = [
            f"{before - after:,} of {before:,} {what}"
            for what, (before, after) in (
                ("users", self.users),
                ("items", self.items),
                ("interactions", self.interactions),
            )
        ]
        if self.interactions[0] == self.interactions[1]:
            return f"the {self.name} removes nothing"
        return f"the {self.name} removes {removed[0]}, {removed[1]} and {removed[2]}"


@dataclass(frozen=True)
class Core:
    """What the k-core keeps: ``(N,) bool`` interactions that stay, and the counts."""

    keep: np.ndarray
    removed: CoreCounts


def core_of(users: np.ndarray, items: np.ndarray, min_user: int, min_item: int) -> Core:
    """The k-core: rows are removed until every user and every item has enough interactions.

    Args:
        users, items: ``(N,)`` non-negative integers.
        min_user, min_item: The least number of interactions.
    """
    keep = np.ones(len(users), dtype=bool)
    by_user, by_item = np.bincount(users), np.bincount(items)
    before = (int((by_user > 0).sum()), int((by_item > 0).sum()), len(users))
    while True:
        # Counts only go down: a round looks for the rows of those that fell below since the last one.
        few_user, few_item = (by_user > 0) & (by_user < min_user), (by_item > 0) & (by_item < min_item)
        if not (few_user.any() or few_item.any()):
            break
        gone = np.flatnonzero(keep & (few_user[users] | few_item[items]))
        keep[gone] = False
        by_user -= np.bincount(users[gone], minlength=len(by_user))
        by_item -= np.bincount(items[gone], minlength=len(by_item))
    after = (int((by_user > 0).sum()), int((by_item > 0).sum()), int(keep.sum()))
    user, item, row = zip(before, after, strict=True)
    return Core(keep, CoreCounts(min_user, min_item, user, item, row))
