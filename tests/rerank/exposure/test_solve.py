"""Exposure: floors met, best value against all assignments, ceilings named, bad input refused."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure import solve
from recbole_ext.rerank.exposure.candidates import BestUsers, ExtraCandidates
from recbole_ext.rerank.exposure.dual import ExposureProblem
from recbole_ext.rerank.exposure.solve import exposure

METHODS: tuple[Literal["exact", "dual"], ...] = ("exact", "dual")


def instance(seed: int, users: int, catalogue: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(catalogue)[:width] + 1 for _ in range(users)])
    scores = -np.sort(-rng.random((users, width)), axis=1)
    tail = np.r_[False, rng.random(catalogue) < 0.6]
    return items, scores, tail


def problem(
    items: np.ndarray, gains: np.ndarray, tail: np.ndarray, k: int, covered: int = 0, tails: int = 0
) -> ExposureProblem:
    """Candidates whose gains are given, not scaled from scores: rows of one length, by falling gain."""
    return ExposureProblem(
        indptr=np.arange(len(items) + 1) * items.shape[1],
        items=items.ravel().astype(np.int32),
        gains=gains.ravel(),
        tail=tail,
        discount=1 / np.log2(np.arange(k) + 2),
        min_covered=covered,
        min_tail=tails,
    )


def brute_force(
    items: np.ndarray, scores: np.ndarray, tail: np.ndarray, k: int, covered: int, tails: int
) -> float:
    """The best value over every combination of every user's ordered lists; minus infinity where none is allowed."""
    weight = [1 / np.log2(r + 2) for r in range(k)]
    choices = []
    for row, score in zip(items, scores, strict=True):
        choices.append(
            [
                (sum(w * score[p] for w, p in zip(weight, picks, strict=True)), {int(row[p]) for p in picks})
                for picks in itertools.permutations(range(len(row)), k)
            ]
        )
    best = -np.inf
    for lists in itertools.product(*choices):
        different = len(set().union(*(chosen for _, chosen in lists)))
        if different >= covered and sum(int(tail[i]) for _, chosen in lists for i in chosen) >= tails:
            best = max(best, sum(value for value, _ in lists))
    return best


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("method", METHODS)
def test_against_all_assignments(seed: int, method: Literal["exact", "dual"]) -> None:
    items, scores, tail = instance(seed, users=3, catalogue=6, width=4)
    best = brute_force(items, scores, tail, 2, covered=4, tails=3)
    floors = problem(items, scores, tail, 2, covered=4, tails=3)
    if best == -np.inf:
        with pytest.raises(ConfigError):
            solve._solved(floors, method)
        return
    result = solve._solved(floors, method)
    assert result.coverage >= 4 / 6 - 1e-12
    assert result.tail_share >= 0.5
    assert result.value <= best + 1e-9 <= result.bound + 2e-9
    if method == "exact":
        # One row beside a flow leaves at most a swap's difference at this size.
        assert result.value >= best - 0.25


@pytest.mark.parametrize("seed", range(6))
def test_coverage_alone_is_exact(seed: int) -> None:
    items, scores, tail = instance(seed + 100, users=3, catalogue=6, width=4)
    best = brute_force(items, scores, tail, 2, covered=5, tails=0)
    floor = problem(items, scores, tail, 2, covered=5)
    if best == -np.inf:
        with pytest.raises(ConfigError, match="ceiling is 4"):
            solve._solved(floor, "exact")
        return
    result = solve._solved(floor, "exact")
    assert result.value == pytest.approx(best)
    assert result.gap < 1e-6


def test_no_floor_keeps_the_order() -> None:
    items, scores, tail = instance(1, users=20, catalogue=40, width=15)
    results = [solve._solved(problem(items, scores, tail, 5), method) for method in METHODS]
    results.append(exposure(items, scores, tail=tail, n_items=41, k=5))
    for result in results:
        np.testing.assert_array_equal(result.items, items[:, :5])
        assert result.gap == pytest.approx(0.0, abs=1e-9)


def test_by_hand() -> None:
    # Item 3 must appear: user 0 loses (.8 - .7) / log2(3), user 1 loses (.9 - .1) / log2(3).
    items = np.array([[1, 2, 3], [1, 2, 3]])
    scores = np.array([[1.0, 0.8, 0.7], [1.0, 0.9, 0.1]])
    result = solve._solved(problem(items, scores, np.zeros(4, bool), 2, covered=3), "exact")
    assert result.items.tolist() == [[1, 3], [1, 2]]
    assert result.value == pytest.approx(2.0 + (0.7 + 0.9) / np.log2(3))
    assert result.coverage == 1.0


def test_scores_are_scaled_per_user_by_hand() -> None:
    # Scaled, user 0 has 1, 1/3, 0 and user 1 has 1, 8/9, 0: item 3 costs user 0 less.
    items = np.array([[1, 2, 3], [1, 2, 3]])
    scores = np.array([[1.0, 0.8, 0.7], [1.0, 0.9, 0.1]])
    result = exposure(items, scores, tail=np.zeros(4, bool), n_items=4, k=2, coverage=1.0)
    assert result.items.tolist() == [[1, 3], [1, 2]]
    assert result.value == pytest.approx(2.0 + (0.0 + 8 / 9) / np.log2(3))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    coverage=st.floats(0, 0.5),
    tail_share=st.floats(0, 0.5),
    scaled=st.booleans(),
    method=st.sampled_from(METHODS),
)
def test_floors_are_met(
    seed: int, coverage: float, tail_share: float, scaled: bool, method: Literal["exact", "dual"]
) -> None:
    items, scores, tail = instance(seed, users=12, catalogue=30, width=20)
    tail[1:] |= np.arange(30) % 2 == 0
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    gains = (scores - low) / (high - low) if scaled else scores
    covered, tails = math.ceil(coverage * 30 - 1e-9), math.ceil(tail_share * 12 * 4 - 1e-9)
    result = solve._solved(problem(items, gains, tail, 4, covered, tails), method)
    assert len(np.unique(result.items)) >= coverage * 30 - 1e-9
    assert tail[result.items].mean() >= tail_share - 1e-9
    assert all(len(set(row)) == 4 for row in result.items.tolist())
    assert all(set(row) <= set(own) for row, own in zip(result.items.tolist(), items.tolist(), strict=True))
    assert result.value <= result.bound + 1e-9
    if scaled and method == "exact":
        same = exposure(items, scores, tail=tail, n_items=31, k=4, coverage=coverage, tail_share=tail_share)
        assert same.value == pytest.approx(result.value)


def test_ceilings_are_named() -> None:
    items, scores, tail = instance(3, users=2, catalogue=50, width=10)
    with pytest.raises(ConfigError, match=r"ceiling is 8 \(0\.1600"):
        exposure(items, scores, tail=tail, n_items=51, k=4, coverage=0.5)
    with pytest.raises(ConfigError, match=r"tail share of 0\.0000"):
        exposure(items, scores, tail=np.zeros(51, bool), n_items=51, k=4, tail_share=0.1)


def test_all_tail_is_neutral() -> None:
    items, scores, _ = instance(4, users=5, catalogue=20, width=10)
    result = exposure(items, scores, tail=np.r_[False, np.ones(20, bool)], n_items=21, k=3, tail_share=1.0)
    np.testing.assert_array_equal(result.items, items[:, :3])


def test_equal_scores_are_neutral() -> None:
    items, _, tail = instance(5, users=5, catalogue=20, width=10)
    result = exposure(items, np.ones((5, 10)), tail=tail, n_items=21, k=3)
    assert result.value == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": np.array([[np.nan, 0.1, 0.0]])}, "NaN"),
        ({"scores": np.array([[np.inf, 0.1, 0.0]])}, "infinity"),
        ({"items": np.array([[1, 1, 2]])}, "twice"),
        ({"items": np.array([[1, 9, 2]])}, "outside the catalogue"),
        ({"items": np.array([[1, 0, 0]])}, "user row 0 has 1 candidates"),
        ({"coverage": 1.5}, "share from 0 to 1"),
        ({"tail_share": float("nan")}, "share from 0 to 1"),
        ({"k": 0}, "at least 1"),
        ({"tail": np.zeros(3, bool)}, "one flag"),
        ({"scores": np.zeros((1, 2))}, "one shape"),
        ({"extra": ExtraCandidates(np.array([0]), np.array([4]), np.array([np.nan]))}, "finite"),
        ({"extra": ExtraCandidates(np.array([3]), np.array([4]), np.array([0.0]))}, "user outside"),
        ({"extra": ExtraCandidates(np.array([0]), np.array([0]), np.array([0.0]))}, "outside the catalogue"),
    ],
)
def test_bad_input(change: dict[str, object], words: str) -> None:
    arguments: dict[str, Any] = {
        "items": np.array([[1, 2, 3]]),
        "scores": np.array([[0.5, 0.4, 0.1]]),
        "tail": np.zeros(5, bool),
        "n_items": 5,
        "k": 2,
    } | change
    with pytest.raises(ConfigError, match=words):
        exposure(arguments.pop("items"), arguments.pop("scores"), **arguments)


def test_best_users_per_item_equal_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((23, 9))
    scores[:, 0] = -np.inf
    scores[3:, 4] = -np.inf
    best = BestUsers(9, count=4)
    for start in range(0, 23, 5):
        rows = np.arange(start, min(start + 5, 23))
        best.add(rows, scores[rows])
    found = best.candidates()
    for item in range(1, 9):
        expected = set(np.argsort(-scores[:, item])[:4].tolist()) if item != 4 else {0, 1, 2}
        assert set(found.users[found.items == item].tolist()) == expected
    assert 0 not in found.items
    np.testing.assert_array_equal(found.scores, scores[found.users, found.items])


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.full((2, 4), np.nan), "NaN"),
        (np.full((2, 4), np.inf), "infinity"),
        (np.zeros((1, 4)), r"give \(2, 4\)"),
    ],
)
def test_blocks_of_scores_that_cannot_be_used(scores: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        BestUsers(4).add(np.arange(2), scores)


def test_extra_candidates_lift_the_ceiling() -> None:
    items, scores, tail = np.array([[1, 2], [1, 2]]), np.array([[2.0, 1.0], [2.0, 1.0]]), np.zeros(4, bool)
    with pytest.raises(ConfigError, match="ceiling is 2"):
        exposure(items, scores, tail=tail, n_items=4, k=2, coverage=1.0)
    extra = ExtraCandidates(np.array([1, 0]), np.array([3, 1]), np.array([0.5, 2.0]))
    result = exposure(items, scores, tail=tail, n_items=4, k=2, coverage=1.0, extra=extra)
    assert result.items.tolist() == [[1, 2], [1, 3]]
