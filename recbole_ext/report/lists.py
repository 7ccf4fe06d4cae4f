"""Comparisons of lists: overlap between models, and what a re-ranker has changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recbole_ext.runs.run import ListFolder

__all__ = ["Change", "Example", "changes_by_user", "example", "overlap", "share_in", "top"]


def top(folder: ListFolder, k: int) -> dict[str, list[str]]:
    """The first k item tokens of each user."""
    cut = folder.lists.filter(pl.col("rank") <= k).sort("user_id", "rank")
    grouped = cut.group_by("user_id", maintain_order=True).agg("item_id")
    return dict(zip(grouped["user_id"].to_list(), grouped["item_id"].to_list(), strict=True))


def overlap(lists: Sequence[dict[str, list[str]]], k: int) -> np.ndarray:
    """``(n, n)`` mean share of a user's list that two models have in common.

    Args:
        lists: Items by user, one dictionary a model.
        k: Length of the lists.
    """
    users = sorted(set.intersection(*(set(one) for one in lists)))
    sets = [[set(one[user]) for user in users] for one in lists]
    shares = np.eye(len(lists))
    for a in range(len(lists)):
        for b in range(a):
            common = [len(x & y) for x, y in zip(sets[a], sets[b], strict=True)]
            shares[a, b] = shares[b, a] = float(np.mean(common)) / k if users else 0.0
    return shares


def share_in(lists: dict[str, list[str]], items: Collection[str]) -> float:
    """Mean over users of the share of a list that is in a set of items: TailShare for the tail."""
    chosen = set(items)
    shares = [np.mean([item in chosen for item in one]) for one in lists.values() if one]
    return float(np.mean(shares)) if shares else 0.0


def changes_by_user(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, float]:
    """Share of each user's list that was replaced."""
    return {
        user: 1 - len(set(old) & set(after[user])) / max(len(old), 1)
        for user, old in before.items()
        if user in after
    }


@dataclass(frozen=True)
class Change:
    """One place of a list: the item and where it stood before; 0 = it is new."""

    item: str
    came_from: int


@dataclass(frozen=True)
class Example:
    """A user's list before and after a re-ranker."""

    user: str
    before: tuple[str, ...]
    after: tuple[Change, ...]


def example(user: str, before: Sequence[str], after: Sequence[str]) -> Example:
    """Both lists of a user, each place of the second with its origin in the first."""
    places = {item: rank for rank, item in enumerate(before, start=1)}
    return Example(user, tuple(before), tuple(Change(item, places.get(item, 0)) for item in after))
