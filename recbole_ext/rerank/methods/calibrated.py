"""Calibrated lists: their mix of categories matches the user's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from recbole_ext.config.blocks import CALIBRATION_CATEGORIES
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.methods.base import Choose, PerUserReranker
from recbole_ext.rerank.methods.candidates import Floats, Ints
from recbole_ext.rerank.methods.greedy import greedy, greedy_over_groups
from recbole_ext.rerank.methods.side_information import SideInformation, user_profiles

__all__ = ["Calibrated"]


@dataclass(frozen=True)
class Calibrated(PerUserReranker):
    """``(1-λ)·Σs - λ·KL(p‖q~)``, greedy (Steck, RecSys 2018), over popularity groups or genres.

    p is the mean category distribution of the user's training interactions (that of all training interactions
    for a user without any), q the mean over the list so far, and q~ = (1-a)·q + a·p with the smoothing a. A value
    is the item's contribution to the objective; before the first item q is 0, so that q~ = a·p and KL = -log a. Items
    without genres form a separate category.

    Attributes:
        strength: λ in [0, 1].
        over: ``popularity`` (the popularity groups of the items, else head and tail) or ``genres``.
        smoothing: a, above 0 and below 1; 0.01 as in the paper.
    """

    over: str = "popularity"
    smoothing: float = 0.01

    name: ClassVar[str] = "calibrated"
    needs_users: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over not in CALIBRATION_CATEGORIES:
            raise ConfigError(
                f"over of calibrated is {self.over!r}: use {' or '.join(CALIBRATION_CATEGORIES)}"
                f"{nearest(str(self.over), CALIBRATION_CATEGORIES)}"
            )
        if not isinstance(self.smoothing, float | np.floating) or not 0.0 < self.smoothing < 1.0:
            raise ConfigError(
                f"smoothing of calibrated is {self.smoothing!r}: give a number above 0 and below 1"
            )

    def prepare(self, side: SideInformation) -> Choose:
        """See ``PerUserReranker``."""
        return self._over_genres(side) if self.over == "genres" else self._over_groups(side)

    def _over_groups(self, side: SideInformation) -> Choose:
        labels = side.items.head_and_tail if side.items.groups is None else side.items.groups
        n_groups = max(2, int(labels.max()) + 1)
        # Padding has label -1, which selects the last row of the identity; its cut leaves zeros.
        wanted = user_profiles(side, np.eye(n_groups + 1)[labels][:, :n_groups])
        one_more = np.eye(n_groups)

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            p = wanted[rows]

            def bonus(taken: Floats, size: int) -> Floats:
                before = self._fit(p, taken / max(size, 1))
                after = self._fit(p[:, None, :], (taken[:, None, :] + one_more) / (size + 1))  # (B, C)
                return self.strength * (after - before[:, None])

            return greedy_over_groups((1.0 - self.strength) * s, labels[items], n_groups, k, bonus)

        return choose

    def _fit(self, p: Floats, q: Floats) -> Floats:
        """Σ p·log q~ over the last axis: minus KL(p‖q~) up to the entropy of p, which does not depend on the list."""
        p = np.broadcast_to(p, q.shape)
        smoothed = (1.0 - self.smoothing) * q + self.smoothing * p
        logs = np.log(smoothed, out=np.zeros_like(smoothed), where=smoothed > 0)
        return np.asarray((p * logs).sum(axis=-1))

    def _over_genres(self, side: SideInformation) -> Choose:
        shares = side.items.genre_shares
        table = sparse.csr_matrix(shares)
        wanted = user_profiles(side, shares)

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            p = wanted[rows]
            sums = np.zeros_like(p)
            fits_with_each = self._genre_fits(p, items, table)

            def bonus(size: int) -> Floats:
                before = self._fit(p, sums / max(size, 1))
                return self.strength * (fits_with_each(sums, size) - before[:, None])

            def add(best: Ints) -> None:
                sums[:] += shares[np.take_along_axis(items, best[:, None], axis=1)[:, 0]]

            return greedy(np.where(items > 0, (1.0 - self.strength) * s, -np.inf), k, bonus, add)

        return choose

    def _genre_fits(
        self, p: Floats, items: Ints, table: sparse.csr_matrix
    ) -> Callable[[Floats, int], Floats]:
        """Σ p·log q~ of the list with each candidate added.

        An item changes only the terms of its own genres, so each candidate costs one logarithm per genre of the item
        rather than one per genre of the catalogue.
        """
        n_genres = p.shape[1]
        flat = items.ravel()
        sizes = np.diff(table.indptr)[flat]
        ends = np.cumsum(sizes)
        entries = np.arange(ends[-1]) + np.repeat(table.indptr[flat] - (ends - sizes), sizes)
        candidate = np.repeat(np.arange(items.size), sizes)
        cell = (candidate // items.shape[1]) * n_genres + table.indices[entries]
        # A genre outside the user's profile has no term, which also avoids log(0).
        kept = p.ravel()[cell] > 0
        candidate, cell = candidate[kept], cell[kept]
        added = (1.0 - self.smoothing) * table.data[entries[kept]]
        weight = p.ravel()[cell]

        def fits(sums: Floats, size: int) -> Floats:
            without = (1.0 - self.smoothing) * (sums / (size + 1)) + self.smoothing * p
            logs = np.log(without, out=np.zeros_like(without), where=without > 0)
            rise = np.log(without.ravel()[cell] + added / (size + 1))
            rise -= logs.ravel()[cell]
            rise *= weight
            gained = np.bincount(candidate, weights=rise, minlength=items.size).reshape(items.shape)
            return (p * logs).sum(axis=1)[:, None] + gained

        return fits
