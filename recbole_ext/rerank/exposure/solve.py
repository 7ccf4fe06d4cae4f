"""Exposure: one re-ranking problem over all users, with a coverage floor and a tail share that are met exactly.

    maximise    sum over users u and positions r of  gain(u, item at r) / log2(r + 1)
    subject to  lists of K different candidates of their user,
                at least  coverage * |I|  different items over all lists,
                at least  tail_share * U * K  slots that hold a tail item.

Guarantee: what is returned meets both floors, and ``bound`` is a proven upper bound of the value of any lists that
do, so ``gap`` is how far from the best the lists can be at most. Floors that cannot be met raise a `ConfigError`
that names the ceiling. Where the problem is small, a linear program proves the bound and its solution, nearly always
integral, gives the lists; where it is large, dual prices do. `gap` states the rest in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.exposure.candidates import (
    Candidate,
    best_users_per_item,
    candidate_entries,
    check_candidates,
)
from recbole_ext.rerank.exposure.dual import (
    ExposureProblem,
    list_value,
    price_ascent,
)
from recbole_ext.rerank.exposure.lists import lists_from_prices, lists_from_shares
from recbole_ext.rerank.exposure.lp import refuse_beyond_ceilings, solve_linear

__all__ = [
    "Candidate",
    "ExposureResult",
    "best_users_per_item",
    "exposure",
]

GAINS = ("minmax", "raw", "softmax")
METHODS = ("auto", "exact", "dual")
_EXACT_ENTRIES = 400_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ExposureResult:
    """Lists that meet the floors, and how good they are.

    Attributes:
        items: ``(U, K) int64`` item ids, first position first.
        value: Position-discounted sum of gains.
        bound: No lists that meet the floors have a larger value.
        coverage: Share of the catalogue (without padding) in at least one list.
        tail_share: Share of the slots that hold a tail item.
        item_prices: ``(n_items,) float64`` worth of covering each item.
        tail_price: Worth of one slot with a tail item.
        method: ``exact`` or ``dual``, the one that gave the lists.
    """

    items: np.ndarray
    value: float
    bound: float
    coverage: float
    tail_share: float
    item_prices: np.ndarray
    tail_price: float
    method: str

    @property
    def gap(self) -> float:
        """Largest share of the bound that a better solution could still gain, at least 0."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-12)


def _share(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{name} is {value!r}: give a share from 0 to 1")
    return float(value)


def _scaled(
    scores: np.ndarray,
    indptr: np.ndarray,
    top: np.ndarray,
    gain: str,
    temperature: float,
) -> np.ndarray:
    """Gains of entries in the order user, falling score; `top` marks those that were not extra."""
    starts, sizes = indptr[:-1], np.diff(indptr)
    high = np.repeat(scores[starts], sizes)
    if gain == "raw":
        return scores
    if gain == "softmax":
        weight = np.exp((scores - high) / temperature)
        return np.asarray(weight / np.repeat(np.add.reduceat(weight, starts), sizes))
    low = np.repeat(np.minimum.reduceat(np.where(top, scores, np.inf), starts), sizes)
    # A user with one score for all candidates has no preference: the neutral gain is 0.
    return np.divide(scores - low, high - low, out=np.zeros_like(scores), where=high > low)


def _problem(
    items: np.ndarray,
    scores: np.ndarray,
    tail: np.ndarray,
    k: int,
    floors: tuple[float, float],
    scaling: tuple[str, float],
    extra: Candidate | None,
) -> ExposureProblem:
    n_users, n_items = len(items), len(tail)
    users, item, score, top = candidate_entries(items, scores, extra, n_items)
    sizes = np.bincount(users, minlength=n_users)
    if sizes.min() < k:
        raise ConfigError(
            f"user row {int(sizes.argmin())} has {int(sizes.min())} candidates and k is {k}: lower k or raise N"
        )
    indptr = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    gain, temperature = scaling
    gains = _scaled(score, indptr, top, gain, temperature)
    return ExposureProblem(
        indptr=indptr,
        items=item.astype(np.int32),
        gains=gains,
        tail=tail & (np.arange(n_items) > 0),
        discount=1.0 / np.log2(np.arange(k) + 2.0),
        min_covered=int(np.ceil(floors[0] * (n_items - 1) - _ROUNDING)),
        min_tail=int(np.ceil(floors[1] * n_users * k - _ROUNDING)),
    )


def exposure(
    items: np.ndarray,
    scores: np.ndarray,
    *,
    tail: np.ndarray,
    n_items: int,
    k: int = 10,
    coverage: float = 0.0,
    tail_share: float = 0.0,
    gain: str = "minmax",
    temperature: float = 0.1,
    extra: Candidate | None = None,
    method: str = "auto",
    iterations: int = 80,
) -> ExposureResult:
    """Lists for all users at once: the best discounted total that meets a coverage floor and a tail share.

    Args:
        items: ``(U, N) int64`` candidates, 0 where a user has no more.
        scores: ``(U, N) float`` their scores, minus infinity where there is none.
        tail: ``(n_items,) bool`` which items belong to the tail.
        n_items: Items with the padding item 0.
        k: Length of every list.
        coverage: Least share of the ``n_items - 1`` items that at least one list holds.
        tail_share: Least share of all slots that hold a tail item.
        gain: What a score is worth: ``minmax`` (scaled per user over the N candidates; extra ones may lie below 0),
            ``raw`` or ``softmax`` (per user, with a temperature).
        temperature: Of ``softmax``, in the unit of the scores.
        extra: Further candidates, as from `best_users_per_item`.
        method: ``exact`` (linear program), ``dual`` (prices) or ``auto`` (by size).
        iterations: Passes of the price ascent.

    Raises:
        ConfigError: An argument cannot be used, or a floor cannot be met; the message names the ceiling.
    """
    items, scores, tail = (
        np.asarray(items),
        np.asarray(scores, dtype=np.float64),
        np.asarray(tail, dtype=bool),
    )
    check_candidates(items, scores, tail, n_items, k)
    for name, value, known in (("gain", gain, GAINS), ("method", method, METHODS)):
        if value not in known:
            raise ConfigError(f"{name} is {value!r}: use one of {', '.join(known)}{nearest(value, known)}")
    if gain == "softmax" and not (np.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"temperature is {temperature!r}: give a number above 0")
    floors = (_share("coverage", coverage), _share("tail_share", tail_share))
    problem = _problem(items, scores, tail, k, floors, (gain, temperature), extra)
    refuse_beyond_ceilings(problem)
    if method == "auto":
        method = "exact" if len(problem.items) <= _EXACT_ENTRIES else "dual"
    return _solved(problem, method, iterations)


def _solved(problem: ExposureProblem, method: str, iterations: int) -> ExposureResult:
    prices = price_ascent(problem, iterations)
    lists: np.ndarray | None = None
    if method == "exact":
        linear = solve_linear(problem, prices)
        if linear.value is not None:
            prices, lists = linear.prices, lists_from_shares(problem, linear.share, linear.prices)
    if lists is None:
        method = "dual"
        lists = lists_from_prices(problem, prices)
    chosen = problem.items[lists].astype(np.int64)
    return ExposureResult(
        items=chosen,
        value=list_value(problem, lists),
        bound=prices.bound,
        coverage=len(np.unique(chosen)) / (problem.n_items - 1),
        tail_share=float(problem.tail[chosen].mean()),
        item_prices=prices.item,
        tail_price=prices.tail,
        method=method,
    )
