"""Exposure one list at a time: the small problem of one user under prices, and prices that follow what was shown.

The dual prices of the joint problem make it separate by user. Whoever comes gets the best list under these prices,
and the prices are then moved by what the floors lack so far: dual averaging with an entropic map (Nesterov, 2009;
Balseiro, Lu and Mirrokni, 2020) on the two floors, not on single items. ``docs/online-fairness.md`` derives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import ConfigError

__all__ = ["OnlineExposure", "PriceList", "Shown", "best_list", "user_gains"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_COVERAGE_STEP = 30.0
_TAIL_STEP = 20.0
_MOST_LOG = 6.0


@dataclass(frozen=True, eq=False)
class PriceList:
    """The prices of a joint problem, and what its lists showed.

    Attributes:
        item: ``(n_items,) float64`` worth of showing an item that no list shows, at least 0; entry 0 is padding.
        tail_price: Worth of one slot with a tail item, at least 0.
        tail: ``(n_items,) bool``.
        shown: ``(n_items,) int64`` how many of the joint lists show an item.
        n_lists: Number of joint lists, the period over which the floors are meant.
        k: Length of a list.
        coverage: Minimum share of the catalogue in at least one list of a period.
        tail_share: Minimum share of the slots that hold a tail item.
        unit: Scale of a price where the joint problem had none: what a last place is worth.
    """

    item: Floats
    tail_price: float
    tail: npt.NDArray[np.bool_]
    shown: Ints
    n_lists: int
    k: int
    coverage: float
    tail_share: float
    unit: float

    def __post_init__(self) -> None:
        n = len(self.item)
        if self.tail.shape != (n,) or self.shown.shape != (n,):
            raise ConfigError(
                "prices, tail and shown must have one entry for each item: give those of one file"
            )
        if not (np.isfinite(self.item).all() and (self.item >= 0).all() and self.tail_price >= 0):
            raise ConfigError("a price is negative or no number: take the file that --save-prices wrote")
        if self.n_lists < 1 or self.k < 1 or n <= self.k:
            raise ConfigError("prices need at least one list, and more items than a list has places")

    @property
    def min_covered(self) -> int:
        """Number of items that a period covers at least."""
        return int(np.ceil(self.coverage * (len(self.item) - 1) - 1e-9))


def user_gains(scores: npt.NDArray[Any], depth: int = 200) -> Floats:
    """Gains of one user as in the joint problem: scores min-max scaled over the ``depth`` best candidates.

    Args:
        scores: ``(n_items,)``, minus infinity where an item is not a candidate.
        depth: N of the joint problem.

    Returns:
        ``(n_items,) float64``: 1 for the best, 0 for the N-th best, below 0 behind it; 0 for every candidate of a user
        without preference.

    Raises:
        ConfigError: A score is NaN or plus infinity, or nothing is a candidate.
    """
    scores = np.asarray(scores, dtype=np.float64)
    there = scores > -np.inf
    if np.isnan(scores).any() or np.isposinf(scores).any() or not there.any():
        raise ConfigError("the scores hold NaN or +infinity, or no candidate: mask items with -inf only")
    own = scores[there]
    low = np.partition(own, len(own) - depth)[len(own) - depth] if len(own) > depth else own.min()
    span = own.max() - low
    gains = np.full(len(scores), -np.inf)
    gains[there] = (own - low) / span if span > 0 else 0.0
    return gains


def best_list(gains: Floats, bonus: Floats, discount: Floats) -> Ints:
    """The best list of one user: the largest sum of discounted gains and worth of the items.

    An item at place r is among the K best by ``discount[r] * gain + bonus``, else one of these that is not in the list
    would be better there. So at most K² candidates are looked at, exactly.

    Args:
        gains: ``(n_items,) float64``, minus infinity where an item is not a candidate.
        bonus: ``(n_items,) float64`` worth of an item at any place.
        discount: ``(K,) float64``, falling.

    Returns:
        ``(K,) int64`` items, first place first.

    Raises:
        ConfigError: There are fewer candidates than places.
    """
    from recbole_ext.rerank.exposure import kernels

    k = len(discount)
    pool = np.flatnonzero(gains > -np.inf)
    if len(pool) < k:
        raise ConfigError(f"the user has {len(pool)} candidates and a list has {k} places: lower k")
    own, worth = gains[pool], bonus[pool]
    if len(pool) > k * k:
        worths = [np.argpartition(-(weight * own + worth), k - 1)[:k] for weight in discount]
        near = np.unique(np.concatenate(worths))
        pool, own, worth = pool[near], own[near], worth[near]
    order = np.lexsort((pool, -own))
    lists, values = np.zeros((1, k), dtype=np.int64), np.zeros(1)
    kernels.best_lists(np.array([0, len(pool)]), own[order], worth[order], discount, lists, values)
    return np.asarray(pool[order][lists[0]], dtype=np.int64)


@dataclass(eq=False)
class Shown:
    """What was shown so far, the newest lists with full weight: all that the prices depend on.

    Attributes:
        exposure: ``(n_items,) float64`` lists with an item, each weighted by 2^(-age / half-life).
        lists: Weighted number of lists.
        tails: Weighted number of slots with a tail item.
        served: Number of lists, without weights.
    """

    exposure: Floats
    lists: float = 0.0
    tails: float = 0.0
    served: int = 0

    @classmethod
    def nothing(cls, n_items: int) -> Shown:
        """The state before the first list."""
        return cls(np.zeros(n_items))

    def add(self, items: Ints, tail: npt.NDArray[np.bool_], half_life: float) -> None:
        """Adds a list ``(K,)``; half-life in lists, possibly infinite."""
        kept = 0.5 ** (1.0 / half_life)
        if kept < 1.0:
            self.exposure *= kept
        self.lists = self.lists * kept + 1.0
        self.tails = self.tails * kept + float(tail[items].sum())
        self.exposure[items] += 1.0
        self.served += 1


class OnlineExposure:
    """Serves one user at a time.

    Args:
        prices: Of a joint problem.
        shown: What was shown before; nothing if None.
        half_life: Lists after which one that was shown counts half; infinite to count a whole period.
        adapt: Whether prices follow what was shown; False leaves those of the joint problem.
    """

    def __init__(
        self,
        prices: PriceList,
        shown: Shown | None = None,
        *,
        half_life: float = np.inf,
        adapt: bool = True,
    ) -> None:
        if not half_life > 0:
            raise ConfigError(f"the half-life is {half_life!r}: give a number of lists above 0")
        self.prices, self.half_life, self.adapt = prices, half_life, adapt
        self.shown = Shown.nothing(len(prices.item)) if shown is None else shown
        if self.shown.exposure.shape != prices.item.shape:
            raise ConfigError(
                "what was shown and the prices are of different catalogues: start with an empty state"
            )
        self._plan = prices.shown[prices.shown > 0].astype(np.float64)

    def planned(self) -> float:
        """Items that the joint lists would have covered by now, scaled so that a whole period meets the floor."""
        part = min(1.0, self.shown.lists / self.prices.n_lists)
        if not len(self._plan):
            return part * self.prices.min_covered
        return float((1.0 - (1.0 - part) ** self._plan).sum() * self.prices.min_covered / len(self._plan))

    def lacking(self) -> tuple[float, float]:
        """What the floors lack so far: items as a share of the floor, and tail slots as a share of all slots."""
        covered = float(np.minimum(self.shown.exposure, 1.0).sum())
        slots = self.shown.lists * self.prices.k
        tails = self.prices.tail_share - self.shown.tails / slots if slots else 0.0
        weight = min(1.0, self.shown.lists / self.prices.n_lists)
        return (self.planned() - covered) / max(self.prices.min_covered, 1), tails * weight

    def bonus(self) -> Floats:
        """``(n_items,) float64`` present worth of each item."""
        prices = self.prices
        if not self.adapt:
            return prices.item + prices.tail_price * prices.tail
        items, tails = self.lacking()
        need = np.maximum(1.0 - self.shown.exposure, 0.0)
        item = prices.item * np.exp(np.clip(_COVERAGE_STEP * items, -_MOST_LOG, _MOST_LOG)) * need
        scale = max(prices.tail_price, prices.unit)
        tail = max(prices.tail_price + _TAIL_STEP * scale * tails, 0.0) if prices.tail_share else 0.0
        return item + tail * prices.tail

    def choose(self, gains: Floats, k: int | None = None) -> Ints:
        """The list of a user; nothing is counted.

        Args:
            gains: ``(n_items,)``, from :func:`user_gains`.
            k: Length of the list; that of the joint problem if None.

        Raises:
            ConfigError: The user has fewer candidates.
        """
        discount = 1.0 / np.log2(np.arange(k or self.prices.k) + 2.0)
        return best_list(gains, self.bonus(), discount)

    def count(self, items: Ints) -> None:
        """Counts a list ``(K,)`` as shown; 0 is no item."""
        self.shown.add(items, self.prices.tail, self.half_life)

    def serve(self, gains: Floats) -> Ints:
        """Chooses a list and counts it."""
        items = self.choose(gains)
        self.count(items)
        return items
