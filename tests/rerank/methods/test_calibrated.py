"""``calibrated``: by hand, against a plain KL divergence, and what calibration means."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank import Calibrated, Candidates, ItemInformation, SideInformation, UserHistories
from tests.rerank.toy import check_greedy, plain_profile, random_problem

FLAT = Candidates(np.array([[1, 2, 3, 4]]), np.array([[1.0, 1.0, 1.0, 1.0]]))


def plain_objective(p: list[float], listed: list[list[float]], a: float) -> float:
    """-KL(p‖q~) of a list, written out."""
    q = [sum(share[g] for share in listed) / max(len(listed), 1) for g in range(len(p))]
    return -sum(x * math.log(x / ((1 - a) * y + a * x)) for x, y in zip(p, q, strict=True) if x > 0)


def plain_genre_shares(side: SideInformation) -> np.ndarray:
    """An item's genres share it by their weights; one more genre is for items that have none."""
    assert side.items.genres is not None
    rows = [[*row, 0.0 if any(row) else 1.0] for row in side.items.genres.tolist()]
    return np.array([[value / sum(row) for value in row] for row in rows])


def plain_rule(
    profiles: list[list[float]], shares: Callable[[int], list[float]], strength: float, a: float
) -> Callable[[int, int, float, list[int]], float]:
    def value(user: int, item: int, s: float, listed: list[int]) -> float:
        before = [shares(i) for i in listed]
        after = plain_objective(profiles[user], [*before, shares(item)], a)
        return (1 - strength) * s + strength * (after - plain_objective(profiles[user], before, a))

    return value


def test_popularity_by_hand() -> None:
    # Items 1 and 2 head, 3 and 4 tail; the history is 3 head : 1 tail; all scores equal, so s = 0 for all.
    items = ItemInformation(np.array([0, 1, 1, 1, 1]), np.array([False, True, True, False, False]))
    side = SideInformation(items, UserHistories(np.array([0, 4]), np.array([1, 2, 1, 4])))
    chosen, value = Calibrated(1.0)(FLAT, side, 4)
    # First a head item, the larger part of the profile; then one tail item is nearer to 3/4 than another head item:
    # .75 log .505... against .25 log .0025.
    assert chosen.tolist() == [[1, 3, 2, 4]]
    first = 0.75 * math.log((0.99 + 0.0075) / 0.0075)
    assert math.isclose(value[0, 0], first, rel_tol=1e-12)
    second = 0.75 * math.log((0.495 + 0.0075) / 0.9975) + 0.25 * math.log((0.495 + 0.0025) / 0.0025)
    assert math.isclose(value[0, 1], second, rel_tol=1e-12)


def test_genres_by_hand() -> None:
    # The history is half genre A, half genre B: a list of one each is perfect, and item 3 alone is, too.
    genres = np.array([[0, 0], [1, 0], [1, 0], [1, 1], [0, 1]])
    side = SideInformation(
        ItemInformation(np.ones(5, dtype=int), np.zeros(5, dtype=bool), genres=genres),
        UserHistories(np.array([0, 2]), np.array([1, 4])),
    )
    chosen, value = Calibrated(1.0, over="genres")(FLAT, side, 1)
    assert chosen.tolist() == [[3]]
    # From KL = -log a to KL = 0.
    assert math.isclose(value[0, 0], -math.log(0.01), rel_tol=1e-12)


@pytest.mark.parametrize("over", ["popularity", "genres"])
@given(
    seed=st.integers(0, 10_000),
    strength=st.floats(0.0, 1.0),
    k=st.integers(1, 6),
    smoothing=st.sampled_from([0.01, 0.2, 0.9]),
)
@settings(max_examples=60, deadline=None)
def test_against_the_plain_rule(over: str, seed: int, strength: float, k: int, smoothing: float) -> None:
    lists, side = random_problem(seed)
    if over == "genres":
        table = plain_genre_shares(side)
    elif side.items.groups is not None:
        table = np.eye(4)[side.items.groups][:, :3]
    else:
        table = np.column_stack([side.items.head, ~side.items.head]).astype(float)
    profiles = [plain_profile(side, user, lambda i: table[i].tolist()) for user in range(5)]
    items, values = Calibrated(strength, over=over, smoothing=smoothing)(lists, side, k)
    check_greedy(lists, items, values, plain_rule(profiles, lambda i: table[i].tolist(), strength, smoothing))


@pytest.mark.parametrize("over", ["popularity", "genres"])
def test_disjoint_genres_are_groups(over: str) -> None:
    # The merge over groups and the loop over candidates are two programs for one problem.
    for seed in range(1, 40, 2):
        lists, side = random_problem(seed)
        groups = side.items.groups
        assert groups is not None
        same = SideInformation(
            ItemInformation(
                side.items.popularity, side.items.head, groups=groups, genres=np.eye(4)[groups][:, :3]
            ),
            side.users,
        )
        by_group = Calibrated(0.5)(lists, same, 5)
        by_genre = Calibrated(0.5, over="genres")(lists, same, 5)
        assert np.allclose(by_group[1], by_genre[1], atol=1e-9)


def test_a_stronger_calibration_comes_closer_to_the_profile() -> None:
    rng = np.random.default_rng(0)
    n_items, users, k = 400, 60, 10
    popularity = np.r_[0, np.sort(rng.integers(1, 500, n_items))[::-1]]
    head = popularity > 300
    # Scores that follow popularity, and histories that do not.
    items = np.stack([np.sort(rng.choice(n_items, 100, replace=False)) + 1 for _ in range(users)])
    lists = Candidates(items, np.tile(-np.arange(100.0), (users, 1)))
    history = rng.integers(1, n_items + 1, users * 20)
    side = SideInformation(
        ItemInformation(popularity, head), UserHistories(np.arange(users + 1) * 20, history)
    )
    wanted = head[history].reshape(users, 20).mean(axis=1)
    gaps = [
        np.abs(head[Calibrated(x)(lists, side, k)[0]].mean(axis=1) - wanted).mean() for x in (0, 0.5, 0.99)
    ]
    assert gaps[0] > gaps[1] > gaps[2]
    # Ten places can follow any share to within a twentieth, and the greedy steps nearly do.
    assert gaps[2] <= 0.05


@pytest.mark.parametrize("over", ["popularity", "genres"])
@pytest.mark.parametrize("smoothing", [1e-320, 1e-12, 1 - 1e-12])
def test_a_smoothing_at_the_ends_of_its_range_gives_numbers(over: str, smoothing: float) -> None:
    for seed in range(10):
        lists, side = random_problem(seed)
        values = Calibrated(0.5, over=over, smoothing=smoothing)(lists, side, 6)[1]
        assert np.isfinite(values).all()


@pytest.mark.parametrize("all_head", [True, False])
def test_a_catalogue_of_one_group_keeps_the_input_order(all_head: bool) -> None:
    lists, side = random_problem(2)
    one = SideInformation(ItemInformation(side.items.popularity, np.full(25, all_head)), side.users)
    items, values = Calibrated(0.9)(lists, one, 6)
    assert np.array_equal(items, lists.items[:, :6])
    assert np.isfinite(values).all()
