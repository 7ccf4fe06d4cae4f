"""Exposure on 40 small problems against every possible set of lists; nothing of the solver is used to judge it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure import solve
from recbole_ext.rerank.exposure.solve import ExposureResult, exposure

SEEDS = range(40)
# Dual prices held head items for the coverage and could not reach the tail share, which some lists reach.
TIGHT = (258, 549, 849, 1335)


@dataclass(frozen=True)
class Problem:
    """Candidates of each user, best first, with their scores; which items are tail; floors as shares."""

    n: int
    k: int
    items: list[list[int]]
    scores: list[list[float]]
    tail: set[int]
    coverage: Fraction
    tail_share: Fraction

    def gains(self, user: int) -> dict[int, float]:
        """Scores between 0 and 1, the smallest and the largest of the user; all 0 where they are equal."""
        own = self.scores[user]
        width = max(own) - min(own)
        return {
            item: (score - min(own)) / width if width else 0.0
            for item, score in zip(self.items[user], own, strict=True)
        }

    def value(self, lists: tuple[tuple[int, ...], ...]) -> float:
        return math.fsum(
            self.gains(user)[item] / math.log2(place + 1)
            for user, one in enumerate(lists)
            for place, item in enumerate(one, start=1)
        )

    def allows(self, lists: tuple[tuple[int, ...], ...]) -> bool:
        shown = [item for one in lists for item in one]
        return (
            Fraction(len(set(shown)), self.n) >= self.coverage
            and Fraction(sum(item in self.tail for item in shown), len(shown)) >= self.tail_share
        )

    def optimum(self) -> float:
        """The best value over all combinations of ordered lists; minus infinity where none is allowed."""
        every = itertools.product(*(itertools.permutations(own, self.k) for own in self.items))
        return max((self.value(lists) for lists in every if self.allows(lists)), default=-math.inf)


def problem(seed: int) -> Problem:
    """Two or three users with three to five candidates; every third has many equal scores."""
    rng = np.random.default_rng(seed)
    n, users, k = int(rng.integers(5, 9)), int(rng.integers(2, 4)), int(rng.integers(1, 3))
    items, scores = [], []
    for _ in range(users):
        width = int(rng.integers(max(3, k), 5 if users == 3 else 6))
        own = rng.integers(0, 3, width) / 2 if seed % 3 == 0 else rng.normal(size=width)
        items.append((rng.permutation(n)[:width] + 1).tolist())
        scores.append(sorted(own.tolist(), reverse=True))
    slots = users * k
    return Problem(
        n,
        k,
        items,
        scores,
        set((np.flatnonzero(rng.random(n) < 0.5) + 1).tolist()),
        Fraction(int(rng.integers(0, min(slots, n) + 1)), n),
        Fraction(int(rng.integers(0, slots + 1)), slots) if seed % 4 else Fraction(0),
    )


def solved(x: Problem) -> ExposureResult:
    width = max(map(len, x.items))
    items = np.array([own + [0] * (width - len(own)) for own in x.items])
    scores = np.array([own + [-np.inf] * (width - len(own)) for own in x.scores])
    tail = np.array([item in x.tail for item in range(x.n + 1)])
    floors: dict[str, Any] = {"coverage": float(x.coverage), "tail_share": float(x.tail_share)}
    return exposure(items, scores, tail=tail, n_items=x.n + 1, k=x.k, **floors)


@pytest.mark.parametrize("method", ["exact", "dual"])
@pytest.mark.parametrize("seed", [*SEEDS, *TIGHT])
def test_the_claims_hold_against_all_lists(seed: int, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if method == "dual":
        monkeypatch.setattr(solve, "_EXACT_ENTRIES", 0)
    x = problem(seed)
    best = x.optimum()
    if best == -math.inf:
        with pytest.raises(ConfigError):
            solved(x)
        return
    result = solved(x)
    lists = tuple(tuple(row) for row in result.items.tolist())
    assert all(len(set(one)) == x.k and set(one) <= set(own) for one, own in zip(lists, x.items, strict=True))
    assert x.allows(lists)
    assert result.value == pytest.approx(x.value(lists), abs=1e-9)
    assert result.value <= best + 1e-9
    assert best <= result.bound + 1e-9
    assert best - result.value <= result.gap * abs(result.bound) + 1e-9
    if method == "exact" and not x.tail_share:
        # A coverage floor alone is a flow: its optimum is integral.
        assert result.value == pytest.approx(best, abs=1e-9)
        assert result.gap < 1e-6


def test_the_problems_are_of_all_kinds() -> None:
    problems = [problem(seed) for seed in SEEDS]
    best = [x.optimum() for x in problems]
    free = [x.value(tuple(tuple(own[: x.k]) for own in x.items)) for x in problems]
    assert sum(value == -math.inf for value in best) >= 4
    assert sum(-math.inf < value < most - 1e-9 for value, most in zip(best, free, strict=True)) >= 10
    assert sum(x.coverage > 0 and x.tail_share == 0 for x in problems) >= 5
