"""Exposure: one re-ranking problem over all users, with a coverage floor and a tail share that are met exactly.

    maximise    sum over users u and positions r of  gain(u, item at r) / log2(r + 1)
    subject to  lists of K different candidates of their user,
                at least  coverage * |I|  different items over all lists,
                at least  tail_share * U * K  slots that hold a tail item.

Guarantee: the returned lists meet both floors, and ``bound`` is a proven upper bound on the value of any such lists,
so ``gap`` is the largest share of value that the lists can miss. Floors that cannot be met raise a `ConfigError`
that names the ceiling. For a small problem with a coverage floor, exchanges along shortest paths give the best lists
and prove that they are. Where the tail floor binds as well, a linear program proves the bound, and its solution (nearly
always integral) gives the lists. For a large problem, dual prices do both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.progress import stage
from recbole_ext.rerank.exposure.candidates import ExtraCandidates, candidate_entries, check_candidates
from recbole_ext.rerank.exposure.dual import DualPrices, ExposureProblem, list_value, price_ascent
from recbole_ext.rerank.exposure.flow import CoverageFlow
from recbole_ext.rerank.exposure.lists import lists_from_prices, lists_from_shares
from recbole_ext.rerank.exposure.lp import beyond_coverage, refuse_beyond_ceilings, solve_linear

__all__ = ["ExposureResult", "ExposureSolver", "exposure"]

_EXACT_ENTRIES = 400_000
_FLOW_CELLS = 20_000_000
_TOLERANCE = 1e-5
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ExposureResult:
    """Lists that meet the floors, with their value and its bound.

    Attributes:
        items: ``(U, K) int64`` item ids, first position first.
        value: Position-discounted sum of gains.
        bound: No lists that meet the floors have a larger value.
        coverage: Share of the catalogue (without padding) in at least one list.
        tail_share: Share of the slots that hold a tail item.
        method: The method that produced the lists, ``exact`` or ``dual``.
        prices: Of items and of the tail; they prove the bound.
    """

    items: np.ndarray
    value: float
    bound: float
    coverage: float
    tail_share: float
    method: str
    prices: DualPrices

    @property
    def gap(self) -> float:
        """The largest share of the bound that a better solution could still gain; at least 0."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-12)


def _share(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{name} is {value!r}: give a share from 0 to 1")
    return float(value)


def _scaled(scores: np.ndarray, indptr: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Scores min-max scaled per user over the user's best candidates; extra candidates may fall below 0.

    Args:
        scores: ``(E,) float64`` by user, then decreasing score.
        indptr: ``(U + 1,) int64`` row offsets of the users.
        best: ``(E,) bool``, False for extra candidates.
    """
    starts, sizes = indptr[:-1], np.diff(indptr)
    high = np.repeat(scores[starts], sizes)
    low = np.repeat(np.minimum.reduceat(np.where(best, scores, np.inf), starts), sizes)
    # A user with one score for all candidates has no preference: the neutral gain is 0.
    return np.divide(scores - low, high - low, out=np.zeros_like(scores), where=high > low)


def _problem(
    items: np.ndarray, scores: np.ndarray, tail: np.ndarray, k: int, extra: ExtraCandidates | None
) -> ExposureProblem:
    """Builds the problem without floors: candidates with their gains."""
    n_users, n_items = len(items), len(tail)
    users, item, score, best = candidate_entries(items, scores, extra, n_items)
    sizes = np.bincount(users, minlength=n_users)
    if sizes.min() < k:
        raise ConfigError(
            f"user row {int(sizes.argmin())} has {int(sizes.min())} candidates and k is {k}: lower k or raise N"
        )
    indptr = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    return ExposureProblem(
        indptr=indptr,
        items=item.astype(np.int32),
        gains=_scaled(score, indptr, best),
        tail=tail & (np.arange(n_items) > 0),
        discount=1.0 / np.log2(np.arange(k) + 2.0),
        min_covered=0,
        min_tail=0,
    )


class ExposureSolver:
    """Lists for all users jointly, under any floors: the best discounted total with a coverage and a tail share.

    The gain of a candidate is its score, min-max scaled per user over the N candidates. Coverage floors that rise from
    call to call are solved from the one before; the lists are those of a new solver.

    Args:
        items: ``(U, N) int64`` candidates, 0 past a user's last candidate.
        scores: ``(U, N) float`` their scores, minus infinity past the last candidate.
        tail: ``(n_items,) bool``, True for tail items.
        n_items: Number of items, including the padding item 0.
        k: Length of every list.
        extra: Additional candidates, such as from :class:`~recbole_ext.rerank.exposure.candidates.BestUsers`.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self,
        items: np.ndarray,
        scores: np.ndarray,
        *,
        tail: np.ndarray,
        n_items: int,
        k: int = 10,
        extra: ExtraCandidates | None = None,
    ) -> None:
        items, tail = np.asarray(items), np.asarray(tail, dtype=bool)
        scores = np.asarray(scores, dtype=np.float64)
        check_candidates(items, scores, tail, n_items, k)
        self.problem = _problem(items, scores, tail, k, extra)
        self._flow: CoverageFlow | None = None
        self._last: tuple[tuple[float, float], ExposureResult] | None = None

    def solve(self, coverage: float = 0.0, tail_share: float = 0.0) -> ExposureResult:
        """Computes the lists.

        Args:
            coverage: Minimum share of the ``n_items - 1`` items that appear in at least one list.
            tail_share: Minimum share of all slots that hold a tail item.

        Raises:
            ConfigError: A floor is no share, or cannot be met; the message names the ceiling.
        """
        floors = (_share("coverage", coverage), _share("tail_share", tail_share))
        if self._last is None or self._last[0] != floors:
            self._last = (floors, self._under(floors))
        return self._last[1]

    def _under(self, floors: tuple[float, float]) -> ExposureResult:
        slots = self.problem.n_users * self.problem.k
        problem = replace(
            self.problem,
            min_covered=int(np.ceil(floors[0] * (self.problem.n_items - 1) - _ROUNDING)),
            min_tail=int(np.ceil(floors[1] * slots - _ROUNDING)),
        )
        if len(problem.items) > _EXACT_ENTRIES:
            return _solved(problem, "dual")
        if self._flow is not None and self._flow.is_beyond(problem.min_covered):
            self._flow = None
        if self._flow is None and len(problem.items) * problem.k <= _FLOW_CELLS:
            self._flow = CoverageFlow(problem)
        return _solved(problem, "exact", self._flow)


def exposure(
    items: np.ndarray,
    scores: np.ndarray,
    *,
    tail: np.ndarray,
    n_items: int,
    k: int = 10,
    coverage: float = 0.0,
    tail_share: float = 0.0,
    extra: ExtraCandidates | None = None,
) -> ExposureResult:
    """Solves one problem once; the arguments and errors are those of :class:`ExposureSolver` and its ``solve``."""
    solver = ExposureSolver(items, scores, tail=tail, n_items=n_items, k=k, extra=extra)
    return solver.solve(coverage, tail_share)


def _solved(
    problem: ExposureProblem, method: Literal["exact", "dual"], flow: CoverageFlow | None = None
) -> ExposureResult:
    """Solves by ``flow``, by the linear program (``exact``), or by dual prices if both fail or ``dual`` is asked for.

    Raises:
        ConfigError: A floor cannot be met; the message names the ceiling.
    """
    with stage("checking the floors"):
        refuse_beyond_ceilings(problem)
    if flow is not None and (found := _by_flow(problem, flow)) is not None:
        return found
    prices = price_ascent(problem)
    lists: np.ndarray | None = None
    if method == "exact":
        linear = solve_linear(problem, prices)
        if linear.value is not None:
            prices = linear.prices
            with stage("filling the lists"):
                lists = lists_from_shares(problem, linear.share, linear.prices)
    if lists is None:
        method = "dual"
        with stage("filling the lists"):
            lists = lists_from_prices(problem, prices)
    return _result(problem, lists, prices, method)


def _by_flow(problem: ExposureProblem, flow: CoverageFlow) -> ExposureResult | None:
    """The best lists under the coverage floor; None where they miss the tail floor or are not proven."""
    if not flow.cover(problem.min_covered):
        raise beyond_coverage(problem, flow.covered)
    result = _result(problem, flow.lists, flow.prices(problem), "exact")
    enough = int(problem.tail[result.items].sum()) >= problem.min_tail
    return result if enough and result.gap <= _TOLERANCE else None


def _result(problem: ExposureProblem, lists: np.ndarray, prices: DualPrices, method: str) -> ExposureResult:
    chosen = problem.items[lists].astype(np.int64)
    return ExposureResult(
        items=chosen,
        value=list_value(problem, lists),
        bound=prices.bound,
        coverage=len(np.unique(chosen)) / (problem.n_items - 1),
        tail_share=float(problem.tail[chosen].mean()),
        method=method,
        prices=prices,
    )
