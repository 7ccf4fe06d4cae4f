"""The candidates of the exposure problem: each user's best items, and each item's best users."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from recbole_ext.errors import ConfigError

__all__ = ["Candidate", "best_users_per_item", "candidate_entries", "check_candidates"]


class Candidate(NamedTuple):
    """Further candidates as triples; a pair that a user has already is dropped.

    Attributes:
        users: ``(n,) int64`` row of the user.
        items: ``(n,) int64`` item ids, at least 1.
        scores: ``(n,) float64`` scores on the scale of the user's other candidates.
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray


def best_users_per_item(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], n_items: int, count: int = 30
) -> Candidate:
    """Every item's users of the largest scores: the candidates that make a coverage floor reachable.

    Args:
        blocks: Pairs of user rows ``(B,)`` and scores ``(B, n_items)``, minus infinity where the item is masked;
            column 0 is padding. One block is held at a time.
        n_items: Items with the padding item.
        count: Users for each item.
    """
    best = np.full((count, n_items), -np.inf)
    owner = np.zeros((count, n_items), dtype=np.int64)
    for users, scores in blocks:
        if scores.shape != (len(users), n_items):
            raise ConfigError(f"a block of scores has shape {scores.shape}: give ({len(users)}, {n_items})")
        if np.isnan(scores).any() or np.isposinf(scores).any():
            raise ConfigError(
                "the scores hold NaN or +infinity: mask items with -inf and mend the model's scores"
            )
        both = np.vstack([best, scores])
        who = np.vstack([owner, np.broadcast_to(np.asarray(users)[:, None], scores.shape)])
        top = np.argpartition(-both, count - 1, axis=0)[:count]
        best, owner = np.take_along_axis(both, top, axis=0), np.take_along_axis(who, top, axis=0)
    best[:, 0] = -np.inf
    _, item = np.nonzero(np.isfinite(best))
    there = np.isfinite(best)
    return Candidate(owner[there], item.astype(np.int64), best[there])


def check_candidates(items: np.ndarray, scores: np.ndarray, tail: np.ndarray, n_items: int, k: int) -> None:
    """Refuses tables that the problem cannot be built from.

    Raises:
        ConfigError: Shapes, ids or scores are not as :func:`recbole_ext.rerank.exposure.solve.exposure` states them.
    """
    if items.ndim != 2 or items.shape != scores.shape:
        raise ConfigError(
            f"items {items.shape} and scores {scores.shape} must be two tables of one shape (U, N)"
        )
    if len(items) == 0:
        raise ConfigError("there are no users to give lists to: give at least one row of candidates")
    if tail.shape != (n_items,):
        raise ConfigError(f"tail has shape {tail.shape}: give one flag for each of the {n_items} items")
    if k < 1:
        raise ConfigError(f"k is {k}: give at least 1")
    if items.min() < 0 or items.max() >= n_items:
        raise ConfigError(
            f"a candidate lies outside the catalogue 0..{n_items - 1}: give ids of the same data"
        )
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ConfigError(
            "the scores hold NaN or +infinity: mask items with -inf and mend the model's scores"
        )


def candidate_entries(
    items: np.ndarray, scores: np.ndarray, extra: Candidate | None, n_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Users, items, scores and top flags by user, then falling score, then item; without repeats."""
    there = (items > 0) & np.isfinite(scores)
    users = np.nonzero(there)[0]
    item, score = items[there].astype(np.int64), scores[there].astype(np.float64)
    top = np.ones(len(users), dtype=bool)
    if extra is not None and len(extra.users):
        if not np.isfinite(extra.scores).all():
            raise ConfigError(
                "the extra candidates hold a score that is no finite number: leave such pairs out"
            )
        if extra.users.min() < 0 or extra.users.max() >= len(items):
            raise ConfigError(
                f"an extra candidate names a user outside 0..{len(items) - 1}: give rows of items"
            )
        if extra.items.min() < 1 or extra.items.max() >= n_items:
            raise ConfigError(f"an extra candidate lies outside the catalogue 1..{n_items - 1}")
        users, item = np.r_[users, extra.users], np.r_[item, extra.items]
        score, top = np.r_[score, extra.scores], np.r_[top, np.zeros(len(extra.users), dtype=bool)]
        # The first of equal keys stays, which is the one from the top candidates.
        _, first = np.unique(users * n_items + item, return_index=True)
        users, item, score, top = users[first], item[first], score[first], top[first]
    order = np.lexsort((item, -score, users))
    users, item = users[order], item[order]
    if extra is None:
        pairs = np.sort(users * n_items + item)
        if (pairs[1:] == pairs[:-1]).any():
            raise ConfigError("a user has one candidate twice: give each item once per user")
    return users, item, score[order], top[order]
