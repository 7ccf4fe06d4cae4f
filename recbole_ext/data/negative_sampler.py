"""Negatives by popularity^α, sampled from the exact distribution conditioned on not being a positive."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.errors import ConfigError, DataError

__all__ = ["NegativeSampler"]

_ROUNDS = 16


class NegativeSampler:
    """Draws items with probability proportional to φ(i)^α among the items that a user has not interacted with.

    Draws that hit a positive are redrawn, which yields exactly the conditional distribution. Draws that are still
    positives after some rounds (users who know almost every item) come from the enumerated remaining items. If all
    allowed items of a user have weight 0, they are drawn uniformly.

    Args:
        indptr: ``(n_users + 1,) int64``: user u's positives are ``indices[indptr[u]:indptr[u + 1]]``.
        indices: ``(P,) int64`` item ids, in any order, repeats allowed.
        n_items: Items with the padding item 0, which is never drawn.
        alpha: Exponent of the popularity; 0 is uniform.
        counts: ``(n_items,)`` interactions of each item; needed for ``alpha`` other than 0.
        seed: A seed or a generator.

    Raises:
        ConfigError: ``alpha`` is negative or not finite.
    """

    def __init__(
        self,
        indptr: np.ndarray,
        indices: np.ndarray,
        n_items: int,
        *,
        alpha: float = 0.0,
        counts: np.ndarray | None = None,
        seed: int | np.random.Generator = 0,
    ) -> None:
        if not np.isfinite(alpha) or alpha < 0:
            raise ConfigError(f"sampling_alpha is {alpha}: give a number of at least 0 (0 = uniform)")
        if alpha > 0 and counts is None:
            raise ConfigError("sampling by popularity needs item counts: pass counts")
        self.indptr, self.indices, self.n_items = np.asarray(indptr), np.asarray(indices), int(n_items)
        self.rng = np.random.default_rng(seed)
        users = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        self._keys = np.unique(users.astype(np.int64) * self.n_items + self.indices)
        weight = np.ones(self.n_items) if counts is None or alpha == 0 else np.asarray(counts, float) ** alpha
        if counts is not None and alpha > 0:
            weight[np.asarray(counts) <= 0] = 0.0
        weight[0] = 0.0
        self._weight = weight
        self._uniform = bool(alpha == 0)
        self._cumulative = np.cumsum(weight)

    def sample(self, users: np.ndarray, num: int) -> np.ndarray:
        """Draws ``num`` negatives for each user, independently, with replacement.

        Args:
            users: ``(B,) int64`` internal user ids; one user may occur often.
            num: Number of negatives per user, at least 1.

        Returns:
            ``(B, num) int64`` item ids.

        Raises:
            ConfigError: ``num`` is below 1.
            DataError: A user has every item of the catalogue.
        """
        if num < 1:
            raise ConfigError(f"sample_num is {num}: give at least 1")
        owner = np.repeat(np.asarray(users, dtype=np.int64), num)
        drawn = np.zeros(len(owner), dtype=np.int64)
        open_places = np.arange(len(owner))
        for _ in range(_ROUNDS):
            drawn[open_places] = self._draw(len(open_places))
            open_places = open_places[self._forbidden(owner[open_places], drawn[open_places])]
            if not len(open_places):
                break
        for user in np.unique(owner[open_places]):
            places = open_places[owner[open_places] == user]
            drawn[places] = self._enumerated(int(user), len(places))
        return drawn.reshape(-1, num)

    def _draw(self, size: int) -> np.ndarray:
        if self._uniform:
            return self.rng.integers(1, self.n_items, size) if self.n_items > 1 else np.zeros(size, np.int64)
        if self._cumulative[-1] == 0:
            return np.zeros(size, dtype=np.int64)
        return np.searchsorted(self._cumulative, self.rng.random(size) * self._cumulative[-1], side="right")

    def _forbidden(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        if not len(self._keys):
            return items == 0
        key = users * self.n_items + items
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return (self._keys[place] == key) | (items == 0)

    def _enumerated(self, user: int, size: int) -> np.ndarray:
        allowed = np.ones(self.n_items, dtype=bool)
        allowed[0] = False
        allowed[self.indices[self.indptr[user] : self.indptr[user + 1]]] = False
        rest = np.flatnonzero(allowed)
        if not len(rest):
            raise DataError(
                f"user {user} has every item of the catalogue, so negatives cannot be drawn: raise "
                "min_item_interactions, or use a loss without negatives"
            )
        weight = self._weight[rest]
        share = weight / weight.sum() if weight.sum() > 0 else None
        return self.rng.choice(rest, size=size, p=share)

    def state(self) -> dict[str, Any]:
        """Returns the random state as plain data."""
        return dict(self.rng.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`state`."""
        self.rng.bit_generator.state = state
