"""The candidates of the exposure problem: each user's best items, and each item's best users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recbole_ext.errors import ConfigError

__all__ = ["BestUsers", "ExtraCandidates", "candidate_entries", "check_candidates"]


class ExtraCandidates(NamedTuple):
    """Additional candidates as triples; pairs that are already among a user's candidates are dropped.

    Attributes:
        users: ``(n,) int64`` row of the user.
        items: ``(n,) int64`` item ids, at least 1.
        scores: ``(n,) float64`` scores on the scale of the user's other candidates.
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray


class BestUsers:
    """The users with the largest scores for each item: candidates that make a coverage floor reachable.

    Scores are added block by block; only one block is in memory at a time.

    Args:
        n_items: Number of items, padding included.
        count: Number of users per item.
    """

    def __init__(self, n_items: int, count: int = 30) -> None:
        self._n_items, self._count = n_items, count
        self._scores = np.full((count, n_items), -np.inf)
        self._users = np.zeros((count, n_items), dtype=np.int64)

    def add(self, users: np.ndarray, scores: np.ndarray) -> None:
        """Adds the scores of a block of users.

        Args:
            users: ``(B,) int64`` rows of the users.
            scores: ``(B, n_items) float64``, -inf where an item is not a candidate; column 0 is padding.

        Raises:
            ConfigError: The scores have another shape, or hold NaN or +infinity.
        """
        if scores.shape != (len(users), self._n_items):
            raise ConfigError(
                f"a block of scores has shape {scores.shape}: give ({len(users)}, {self._n_items})"
            )
        if np.isnan(scores).any() or np.isposinf(scores).any():
            raise ConfigError(
                "the scores hold NaN or +infinity: mask items with -inf and fix the model's scores"
            )
        both = np.vstack([self._scores, scores])
        who = np.vstack([self._users, np.broadcast_to(np.asarray(users)[:, None], scores.shape)])
        top = np.argpartition(-both, self._count - 1, axis=0)[: self._count]
        self._scores = np.take_along_axis(both, top, axis=0)
        self._users = np.take_along_axis(who, top, axis=0)

    def candidates(self) -> ExtraCandidates:
        """Returns the best users of every item so far, fewer than ``count`` for an item with fewer candidates."""
        there = np.isfinite(self._scores)
        there[:, 0] = False
        _, items = np.nonzero(there)
        return ExtraCandidates(self._users[there], items.astype(np.int64), self._scores[there])


def check_candidates(items: np.ndarray, scores: np.ndarray, tail: np.ndarray, n_items: int, k: int) -> None:
    """Rejects tables that do not define a problem.

    Raises:
        ConfigError: Shapes, ids or scores violate the contract of :func:`recbole_ext.rerank.exposure.solve.exposure`.
    """
    if items.ndim != 2 or items.shape != scores.shape:
        raise ConfigError(
            f"items {items.shape} and scores {scores.shape} must be two tables of one shape (U, N)"
        )
    if len(items) == 0:
        raise ConfigError("the table of candidates has no users: give at least one row")
    if tail.shape != (n_items,):
        raise ConfigError(f"tail has shape {tail.shape}: give one flag for each of the {n_items} items")
    if k < 1:
        raise ConfigError(f"k is {k}: give at least 1")
    if items.min() < 0 or items.max() >= n_items:
        raise ConfigError(
            f"a candidate lies outside the catalogue 0..{n_items - 1}: give ids of the same data"
        )
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ConfigError("the scores hold NaN or +infinity: mask items with -inf and fix the model's scores")


def candidate_entries(
    items: np.ndarray, scores: np.ndarray, extra: ExtraCandidates | None, n_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lists the candidates of all users, each pair once, by user, then decreasing score, then item.

    Args:
        items: ``(U, N) int64`` best items of each user, 0 past a user's last candidate.
        scores: ``(U, N) float64`` their scores.
        extra: Additional candidates.
        n_items: Number of items, padding included.

    Returns:
        ``(E,)`` rows of users, items, scores, and whether the candidate is one of the user's best.

    Raises:
        ConfigError: An extra candidate is out of range or has a non-finite score, or a user has an item twice.
    """
    there = (items > 0) & np.isfinite(scores)
    users = np.nonzero(there)[0]
    item, score = items[there].astype(np.int64), scores[there].astype(np.float64)
    top = np.ones(len(users), dtype=bool)
    if extra is not None and len(extra.users):
        if not np.isfinite(extra.scores).all():
            raise ConfigError(
                "the extra candidates contain a score that is not a finite number: remove such pairs"
            )
        if extra.users.min() < 0 or extra.users.max() >= len(items):
            raise ConfigError(
                f"an extra candidate names a user outside 0..{len(items) - 1}: give rows of items"
            )
        if extra.items.min() < 1 or extra.items.max() >= n_items:
            raise ConfigError(
                f"an extra candidate lies outside the catalogue 1..{n_items - 1}: give ids of the same data"
            )
        users, item = np.r_[users, extra.users], np.r_[item, extra.items]
        score, top = np.r_[score, extra.scores], np.r_[top, np.zeros(len(extra.users), dtype=bool)]
        # The first of equal keys wins: the one from the user's top candidates.
        _, first = np.unique(users * n_items + item, return_index=True)
        users, item, score, top = users[first], item[first], score[first], top[first]
    order = np.lexsort((item, -score, users))
    users, item = users[order], item[order]
    if extra is None:
        pairs = np.sort(users * n_items + item)
        if (pairs[1:] == pairs[:-1]).any():
            raise ConfigError("a user has one candidate twice: give each item once per user")
    return users, item, score[order], top[order]
