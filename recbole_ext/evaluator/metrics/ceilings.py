"""What a metric can reach at best, and what a random recommender gets: shown beside every coverage figure.

The random recommender gives each user K distinct items, drawn uniformly from the user's candidates C_u:
the catalogue, without what the user had before the phase where seen items are masked: at the test the
training and the validation items. All values are
expectations in closed form, not simulations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import gammaln, xlogy

from recbole_ext.evaluator.groups import checked_counts
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence
from recbole_ext.evaluator.metrics.coverage import checked_csr
from recbole_ext.evaluator.metrics.diversity import unit_vectors
from recbole_ext.evaluator.metrics.fairness import disparity, distinct_rows, pairs_among
from recbole_ext.evaluator.metrics.popularity import item_novelty, mean_over_rows
from recbole_ext.evaluator.metrics.serendipity import popularity_probability

__all__ = ["ceilings", "coverage_ceiling", "random_recommender", "random_recommenders"]

Floats = npt.NDArray[np.float64]


def coverage_ceiling(n_users: int, k: int, n_reachable: int) -> float:
    """min(1, U K / |I|): no method can show more distinct items than there are positions.

    Args:
        n_users: U, number of lists.
        k: Length of a list.
        n_reachable: |I| without padding, or |T| for the tail.

    Returns:
        Share in [0, 1]; 0 where there is nothing to reach.
    """
    return min(1.0, n_users * k / n_reachable) if n_reachable > 0 else 0.0


def ceilings(evidence: Evidence) -> dict[str, float]:
    """The best value that any method could reach with lists of this number and length.

    Args:
        evidence: The lists; only their shape, the groups and the held-out items are used.

    Returns:
        Ceiling by name, for the metrics that have one below their formal bound. Entropy is an upper
        bound, log2 min(|I|, U K), met where the positions can be spread evenly. Masking can only lower
        a ceiling; it is not taken into account.
    """
    n_users, k = evidence.items.shape
    n, n_tail = evidence.n_items - 1, evidence.groups.n_tail
    best = {
        "ItemCoverage": coverage_ceiling(n_users, k, n),
        "TailCoverage": coverage_ceiling(n_users, k, n_tail),
        "TailShare": min(1.0, n_tail / max(min(k, n), 1)),
        "Entropy": float(np.log2(max(min(n, n_users * k), 1))),
    }
    if evidence.held_out is not None and n_users:
        best["UserCoverage"] = float((np.diff(evidence.held_out[0]) > 0).mean())
    return best


@dataclass(frozen=True, eq=False)
class _Pool:
    """What a random list of any length is drawn from, per user."""

    evidence: Evidence

    @cached_property
    def masked(self) -> sparse.csr_array:
        """(U, n_items), 1 for each distinct pair that is masked."""
        e = self.evidence
        shape = (len(e.items), e.n_items)
        if e.masked is None:
            return sparse.csr_array(shape)
        pointer, entries = checked_csr(*e.masked, *shape)
        rows, items = distinct_rows(pointer, entries, e.n_items)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(e.items)))])
        return sparse.csr_array((np.ones(len(items)), items, indptr), shape=shape)

    def total(self, values: npt.NDArray[Any]) -> Floats:
        """Sum of a value per item over each user's candidates, (U,)."""
        table = np.asarray(values, dtype=np.float64)
        return np.asarray(table[1:].sum() - self.masked @ table)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """|C_u|, (U,)."""
        return np.asarray(self.evidence.n_items - 1 - np.diff(self.masked.indptr), dtype=np.int64)

    def mean(self, values: npt.NDArray[Any]) -> Floats:
        """Expected mean of a value per item over the random list, (U,); 0 without candidates."""
        return self.total(values) / np.maximum(self.sizes, 1)

    @cached_property
    def relevant(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Distinct held-out pairs (user row, item), and whether the item is a candidate."""
        e = self.evidence
        assert e.held_out is not None
        pointer, entries = checked_csr(*e.held_out, len(e.items), e.n_items)
        rows, items = (np.asarray(a, dtype=np.int64) for a in distinct_rows(pointer, entries, e.n_items))
        return rows, items, ~pairs_among(rows, items, self.masked.indptr, self.masked.indices, e.n_items)

    @cached_property
    def diversity(self) -> Floats:
        """Expected 1 - cosine of two candidates, (U,)."""
        assert self.evidence.features is not None
        vectors = unit_vectors(self.evidence.features)
        masked = np.asarray(self.masked @ vectors).T
        whole = [vector[1:].sum() for vector in vectors.T]
        summed = np.zeros(len(self.sizes))
        for genre, without in zip(whole, masked, strict=True):
            summed += (genre - without) ** 2
        cosines = summed - self.total((vectors**2).sum(axis=1))
        pairs = self.sizes * (self.sizes - 1)
        return 1.0 - np.divide(cosines, pairs, out=np.ones(len(pairs)), where=pairs > 0)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Random lists of length K."""

    pool: _Pool
    k: int

    @property
    def evidence(self) -> Evidence:
        """The lists, whose length is not looked at."""
        return self.pool.evidence

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of each random list: K, or |C_u| where that is less, (U,)."""
        return np.minimum(self.k, self.pool.sizes)

    @cached_property
    def chance(self) -> Floats:
        """Chance of one candidate to be in the list, (U,)."""
        return self.lengths / np.maximum(self.pool.sizes, 1)

    @cached_property
    def covered(self) -> Floats:
        """Chance of each item to be in at least one list, (n_items,)."""
        masked = self.pool.masked.T
        # A user whose candidates all fit into the list shows each of them for sure: log 0 is kept apart.
        sure = self.chance >= 1.0
        log_miss = np.log1p(-np.where(sure, 0.0, self.chance))
        left = log_miss.sum() - masked @ log_miss
        certain = sure.sum() - masked @ sure.astype(np.float64) > 0.5
        reached = np.where(certain, 1.0, -np.expm1(np.minimum(left, 0.0)))
        reached[0] = 0.0
        return reached


def _user_coverage(c: _Candidates) -> float:
    rows, _, reachable = c.pool.relevant
    n_relevant = np.bincount(rows[reachable], minlength=len(c.pool.sizes))
    miss = np.ones(len(c.pool.sizes))
    for drawn in range(c.k):
        left = c.pool.sizes - drawn
        step = np.maximum(left - n_relevant, 0) / np.maximum(left, 1)
        miss = np.where(drawn < c.lengths, miss * step, miss)
    return float(1.0 - miss.mean())


def _serendipity(c: _Candidates) -> float:
    rows, items, reachable = c.pool.relevant
    n = c.evidence.n_items - 1
    # With t = |I| (1 - P_any), position r gains max(t + 1 - r, 0) / |I|; an arithmetic series sums it.
    t = np.rint(n * (1.0 - popularity_probability(c.evidence.counts)[items]))
    terms = np.minimum(c.lengths[rows], t)
    gain = (terms * t - terms * (terms - 1) / 2) / n
    expected = reachable * gain / np.maximum(c.lengths[rows] * c.pool.sizes[rows], 1)
    return float(expected.sum() / len(c.pool.sizes))


def _popularity_lift(c: _Candidates) -> float:
    e = c.evidence
    assert e.profiles is not None
    phi = checked_counts(e.counts)
    kept = (np.diff(e.profiles[0]) > 0) & (c.lengths > 0)
    profile = mean_over_rows(e.profiles[0], e.profiles[1], phi)[kept]
    return float(c.pool.mean(phi)[kept].mean() / profile.mean() - 1.0) if profile.any() else 0.0


def _diversity(c: _Candidates) -> float:
    return float(np.where(c.lengths > 1, c.pool.diversity, 0.0).mean())


def _pop_rsp(c: _Candidates) -> float:
    totals = [c.pool.total(group) for group in (c.evidence.groups.head, c.evidence.groups.tail)]
    return disparity([float((t * c.chance).sum() / t.sum()) for t in totals if t.sum() > 0])


def _pop_reo(c: _Candidates) -> float:
    rows, items, reachable = c.pool.relevant
    groups = (c.evidence.groups.head[items], c.evidence.groups.tail[items])
    hits = c.chance[rows] * reachable
    return disparity([float(hits[member].mean()) for member in groups if member.any()])


def _binomial(n: int, p: float) -> Floats:
    """Probability of 0..n successes, (n + 1,)."""
    x = np.arange(n + 1)
    log = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, p) + xlogy(n - x, 1.0 - p)
    return np.exp(log)


def _gini(c: _Candidates) -> float:
    n_users, n = len(c.pool.sizes), c.evidence.n_items - 1
    k = min(c.k, n)
    if n < 2 or k == 0:
        return 0.0
    # The difference of two items' exposure is a walk: a user adds +1 or -1, each with this chance.
    moved = _binomial(n_users, min(2 * k * (n - k) / (n * (n - 1)), 1.0))
    j = (np.arange(n_users + 1) + 1) // 2
    distance = 2 * j * np.exp(gammaln(2 * j + 1) - 2 * gammaln(j + 1) - 2 * j * np.log(2))
    return float((n - 1) * (moved * distance).sum() / (2 * n_users * k))


def _entropy(c: _Candidates) -> float:
    n_users, n = len(c.pool.sizes), c.evidence.n_items - 1
    k = min(c.k, n)
    if k == 0:
        return 0.0
    share = np.arange(n_users + 1) / (n_users * k)
    return float(-n * (_binomial(n_users, k / n) * xlogy(share, share)).sum() / np.log(2))


_RANDOM: dict[str, tuple[tuple[str, ...], Callable[[_Candidates], float]]] = {
    "ItemCoverage": ((), lambda c: float(c.covered[1:].mean())),
    "TailCoverage": (
        (),
        lambda c: float(c.covered @ c.evidence.groups.tail / max(c.evidence.groups.n_tail, 1)),
    ),
    "TailShare": ((), lambda c: float(c.pool.mean(c.evidence.groups.tail).mean())),
    "UserCoverage": (("held_out",), _user_coverage),
    "AvgPopularity": ((), lambda c: float(c.pool.mean(checked_counts(c.evidence.counts)).mean())),
    "AvgPopularityNormalized": (
        (),
        lambda c: float(c.pool.mean(checked_counts(c.evidence.counts)).mean() / c.evidence.training_users),
    ),
    "PopularityLift": (("profiles",), _popularity_lift),
    "Novelty": (
        (),
        lambda c: float(c.pool.mean(item_novelty(c.evidence.counts, c.evidence.training_users)).mean()),
    ),
    "Gini": ((), _gini),
    "Entropy": ((), _entropy),
    "IntraListDiversity": (("features",), _diversity),
    "Serendipity": (("held_out",), _serendipity),
    "PopREO": (("held_out",), _pop_reo),
    "PopRSP": ((), _pop_rsp),
}


def random_recommenders(evidence: Evidence, topk: Sequence[int]) -> list[dict[str, float]]:
    """Expected value of every metric for random recommenders with the same users and masking.

    Exact, with these exceptions: ``Gini`` and ``Entropy`` are exact without masking and ignore it;
    ``PopularityLift``, ``PopREO`` and ``PopRSP`` are the ratio of the expectations, so that their noise
    at few users is not in it; ``PopularityCalibration`` has no closed form and is left out.

    Args:
        evidence: The lists; only their number is used, besides counts, groups, profiles, held-out items
            and features. Without profiles and ``seen`` nothing counts as masked.
        topk: Values of K, at least 1.

    Returns:
        For each K, value by metric name, for the metrics whose evidence is there; empty without users.
    """
    if not len(evidence.items):
        return [{} for _ in topk]
    pool = _Pool(evidence)
    return [
        {
            name: value(_Candidates(pool, k))
            for name, (needs, value) in _RANDOM.items()
            if all(evidence.has(part) for part in needs)
        }
        for k in topk
    ]


def random_recommender(evidence: Evidence) -> dict[str, float]:
    """As :func:`random_recommenders`, with the K of the lists."""
    [values] = random_recommenders(evidence, [np.asarray(evidence.items).shape[1]])
    return values
