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

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.exposure_dual import (
    ExposureProblem,
    list_value,
    lists_from_prices,
    lists_from_shares,
    price_ascent,
)
from recbole_ext.rerank.exposure_lp import refuse_beyond_ceilings, solve_linear

__all__ = [
    "Candidate",
    "ExposureResult",
    "RelevanceModel",
    "best_users_per_item",
    "exposure",
    "fit_relevance",
]

GAINS = ("minmax", "raw", "softmax", "relevance")
METHODS = ("auto", "exact", "dual")
_EXACT_ENTRIES = 400_000
_ROUNDING = 1e-9


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


@dataclass(frozen=True)
class RelevanceModel:
    """Probability that a candidate is relevant, comparable between users: a logistic regression.

    Its inputs are the logarithm of the rank, the score and its logarithm, and the logarithms of the user's and the
    item's number of training interactions. A sum over users compares users, which raw scores do not allow (Platt,
    1999).

    Attributes:
        weights: ``(6,) float64``, the constant first, for inputs with mean 0 and deviation 1.
        mean: ``(6,) float64`` of the inputs at the fit.
        deviation: ``(6,) float64`` of the inputs at the fit.
        activity: ``(U,)`` training interactions of each user row.
        popularity: ``(n_items,)`` training interactions of each item.
    """

    weights: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    activity: np.ndarray
    popularity: np.ndarray

    def probability(
        self, users: np.ndarray, items: np.ndarray, scores: np.ndarray, rank: np.ndarray
    ) -> np.ndarray:
        """``(E,) float64`` for user rows, item ids, scores and 0-based ranks."""
        inputs = _inputs(users, items, scores, rank, self.activity, self.popularity)
        return _sigmoid(((inputs - self.mean) / self.deviation) @ self.weights)


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


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logit)))


def _inputs(
    users: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    rank: np.ndarray,
    activity: np.ndarray,
    popularity: np.ndarray,
) -> np.ndarray:
    parts = [
        np.ones(len(users)),
        np.log2(rank + 2.0),
        scores,
        np.log(np.maximum(scores, 1e-3)),
        np.log1p(np.asarray(activity, dtype=np.float64))[users],
        np.log1p(np.asarray(popularity, dtype=np.float64))[items],
    ]
    return np.column_stack(parts)


def _ranks(users: np.ndarray, n_users: int) -> np.ndarray:
    sizes = np.bincount(users, minlength=n_users)
    return np.arange(len(users)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def fit_relevance(
    items: np.ndarray,
    scores: np.ndarray,
    target: np.ndarray,
    *,
    activity: np.ndarray,
    popularity: np.ndarray,
    extra: Candidate | None = None,
) -> RelevanceModel:
    """Fits the probability of relevance on validation targets, never on test.

    Args:
        items: ``(U, N) int64`` candidates of the validation phase, 0 where a user has no more.
        scores: ``(U, N) float`` their scores.
        target: ``(U,) int64`` the held-out validation item of each user.
        activity: ``(U,)`` training interactions of each user row.
        popularity: ``(n_items,)`` training interactions of each item.
        extra: Further candidates, the same as later in `exposure`.

    Raises:
        ConfigError: The input cannot be used, or no target is among the candidates.
    """
    items, scores = np.asarray(items), np.asarray(scores, dtype=np.float64)
    _checked(items, scores, np.zeros(len(popularity), dtype=bool), len(popularity), 1)
    users, item, score, _ = _entries(items, scores, extra, len(popularity))
    hit = (np.asarray(target)[users] == item).astype(np.float64)
    if not 0 < hit.sum() < len(hit):
        raise ConfigError("no validation target is among the candidates: give more candidates a user")
    inputs = _inputs(users, item, score, _ranks(users, len(items)), activity, popularity)
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    mean[0], deviation[deviation < 1e-12] = 0.0, 1.0
    x = (inputs - mean) / deviation
    weights = np.r_[np.log(hit.mean()), np.zeros(x.shape[1] - 1)]
    ridge = np.diag(np.r_[0.0, np.ones(x.shape[1] - 1)])
    for _ in range(25):
        p = _sigmoid(x @ weights)
        curvature = (x * (p * (1.0 - p) + 1e-12)[:, None]).T @ x + ridge
        weights = weights + np.linalg.solve(curvature, x.T @ (hit - p) - ridge @ weights)
    return RelevanceModel(weights, mean, deviation, np.asarray(activity), np.asarray(popularity))


def _checked(items: np.ndarray, scores: np.ndarray, tail: np.ndarray, n_items: int, k: int) -> None:
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
    table: np.ndarray | None,
) -> np.ndarray:
    """Gains of entries in the order user, falling score; `top` marks those that were not extra."""
    starts, sizes = indptr[:-1], np.diff(indptr)
    high = np.repeat(scores[starts], sizes)
    if gain == "raw":
        return scores
    if gain == "softmax":
        weight = np.exp((scores - high) / temperature)
        return np.asarray(weight / np.repeat(np.add.reduceat(weight, starts), sizes))
    if gain == "relevance":
        assert table is not None
        rank = np.arange(len(scores)) - np.repeat(starts, sizes)
        return np.asarray(table, dtype=np.float64)[np.minimum(rank, len(table) - 1)]
    low = np.repeat(np.minimum.reduceat(np.where(top, scores, np.inf), starts), sizes)
    # A user with one score for all candidates has no preference: the neutral gain is 0.
    return np.divide(scores - low, high - low, out=np.zeros_like(scores), where=high > low)


def _entries(
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


def _problem(
    items: np.ndarray,
    scores: np.ndarray,
    tail: np.ndarray,
    k: int,
    floors: tuple[float, float],
    scaling: tuple[str, float, np.ndarray | RelevanceModel | None],
    extra: Candidate | None,
) -> ExposureProblem:
    n_users, n_items = len(items), len(tail)
    users, item, score, top = _entries(items, scores, extra, n_items)
    sizes = np.bincount(users, minlength=n_users)
    if sizes.min() < k:
        raise ConfigError(
            f"user row {int(sizes.argmin())} has {int(sizes.min())} candidates and k is {k}: lower k or raise N"
        )
    indptr = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    gain, temperature, relevance = scaling
    if isinstance(relevance, RelevanceModel):
        gains = relevance.probability(users, item, score, _ranks(users, n_users))
        order = np.lexsort((item, -gains, users))
        item, gains = item[order], gains[order]
    else:
        gains = _scaled(score, indptr, top, gain, temperature, relevance)
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
    relevance: np.ndarray | RelevanceModel | None = None,
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
            ``raw``, ``softmax`` (per user, with a temperature) or ``relevance``
            (a probability, comparable between users).
        temperature: Of ``softmax``, in the unit of the scores.
        relevance: For ``relevance``: a model from `fit_relevance`, or ``(M,) float64`` non-increasing probabilities
            by rank, the last for all later ranks. Either is estimated on validation data.
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
    _checked(items, scores, tail, n_items, k)
    for name, value, known in (("gain", gain, GAINS), ("method", method, METHODS)):
        if value not in known:
            raise ConfigError(f"{name} is {value!r}: use one of {', '.join(known)}{nearest(value, known)}")
    if gain == "softmax" and not (np.isfinite(temperature) and temperature > 0):
        raise ConfigError(f"temperature is {temperature!r}: give a number above 0")
    if gain != "relevance":
        relevance = None
    elif isinstance(relevance, RelevanceModel):
        if len(relevance.activity) != len(items) or len(relevance.popularity) != n_items:
            raise ConfigError(
                "the relevance model was fitted for other users or items: fit it on the same rows"
            )
    else:
        table = np.asarray([] if relevance is None else relevance, dtype=np.float64)
        if table.ndim != 1 or not len(table) or not np.isfinite(table).all() or (np.diff(table) > 0).any():
            raise ConfigError(
                "relevance must be a table by rank that never rises: estimate it on validation data"
            )
    floors = (_share("coverage", coverage), _share("tail_share", tail_share))
    problem = _problem(items, scores, tail, k, floors, (gain, temperature, relevance), extra)
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
