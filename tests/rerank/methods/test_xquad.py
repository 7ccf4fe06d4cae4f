"""``xquad``: by hand, exactly against a plain version, and its neutral cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank import Candidates, ItemInformation, SideInformation, UserHistories, XQuAD
from tests.rerank.toy import N_ITEMS, check_greedy, plain_profile, plain_scaled, random_problem

# Items 1 and 2 are head, 3 and 4 tail; s = 1, 0.8, 0.5, 0; half of the history is tail.
HAND_LISTS = Candidates(np.array([[1, 2, 3, 4]]), np.array([[10.0, 8.0, 5.0, 0.0]]))
HAND_ITEMS = ItemInformation(np.array([0, 5, 5, 1, 1]), np.array([False, True, True, False, False]))
HAND = SideInformation(HAND_ITEMS, UserHistories(np.array([0, 2]), np.array([1, 3])))


@pytest.mark.parametrize(
    ("variant", "items", "values"),
    [
        # λ = 1/2. First: 1/2 + 1/4 for item 1. Then the list is all head: item 2 has .4 + 0, item 3 .25 + .25.
        # Then half of it is head: item 2 has .4 + .25 / 2, item 4 0 + .25 / 2.
        ("smooth", [1, 3, 2], [0.75, 0.5, 0.525]),
        # Then both are covered: nothing but the score counts.
        ("binary", [1, 3, 2], [0.75, 0.5, 0.4]),
    ],
)
def test_by_hand(variant: str, items: list[int], values: list[float]) -> None:
    chosen, value = XQuAD(0.5, variant=variant)(HAND_LISTS, HAND, 3)
    assert chosen.tolist() == [items]
    assert np.allclose(value, [values], atol=1e-12)


def test_a_user_without_history_is_as_all_users_are() -> None:
    # 10 of 12 interactions are with head items: 1/2 + 5/12; then .4 + 0 against .25 + 1/12.
    side = SideInformation(HAND_ITEMS, UserHistories(np.array([0, 0]), np.array([])))
    chosen, value = XQuAD(0.5)(HAND_LISTS, side, 2)
    assert chosen.tolist() == [[1, 2]]
    assert np.allclose(value, [[0.5 + 5 / 12, 0.4]], atol=1e-12)


@given(
    seed=st.integers(0, 10_000),
    strength=st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0])),
    k=st.integers(1, 6),
    variant=st.sampled_from(["smooth", "binary"]),
)
@settings(max_examples=80, deadline=None)
def test_against_the_plain_rule(seed: int, strength: float, k: int, variant: str) -> None:
    lists, side = random_problem(seed)
    head = side.items.head.tolist()
    profiles = [plain_profile(side, u, lambda i: [float(head[i]), float(not head[i])]) for u in range(5)]

    def plain(user: int, item: int, s: float, listed: list[int]) -> float:
        same = sum(head[other] == head[item] for other in listed)
        share = same / len(listed) if listed and variant == "smooth" else float(same > 0)
        return (1 - strength) * s + strength * profiles[user][0 if head[item] else 1] * (1 - share)

    items, values = XQuAD(strength, variant=variant)(lists, side, k)
    check_greedy(lists, items, values, plain)


@given(seed=st.integers(0, 10_000), strength=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_ties_go_by_the_input_order(seed: int, strength: float) -> None:
    # Profiles and scores of few binary digits, and k <= 3 lists whose shares are halves: every number is exact.
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(8) + 1])
    scores = np.concatenate([[[4.0]], -np.sort(-rng.integers(0, 5, (1, 6)).astype(float)), [[0.0]]], axis=1)
    lists = Candidates(items, scores)
    head = np.r_[False, rng.random(8) < 0.5]
    history = rng.integers(1, 9, 4)
    side = SideInformation(
        ItemInformation(np.ones(9, dtype=int), head), UserHistories(np.array([0, 4]), history)
    )
    s = plain_scaled(scores[0].tolist())
    listed: list[int] = []
    for _ in range(3):
        best, value = -1, -np.inf
        for position, item in enumerate(items[0].tolist()):
            share = sum(head[i] == head[item] for i in listed) / max(len(listed), 1)
            wanted = sum(head[i] == head[item] for i in history.tolist()) / 4
            total = (1 - strength) * s[position] + strength * wanted * (1 - share)
            if item not in listed and total > value:
                best, value = item, total
        listed.append(best)
    assert XQuAD(strength)(lists, side, 3)[0].tolist() == [listed]


@pytest.mark.parametrize("all_head", [True, False])
@pytest.mark.parametrize("variant", ["smooth", "binary"])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_catalogue_of_one_category_keeps_the_input_order(
    all_head: bool, variant: str, strength: float
) -> None:
    lists, side = random_problem(2)
    one = SideInformation(ItemInformation(side.items.popularity, np.full(N_ITEMS, all_head)), side.users)
    items, values = XQuAD(strength, variant=variant)(lists, one, 6)
    assert np.array_equal(items, lists.items[:, :6])
    assert np.isfinite(values).all()


def test_candidates_of_one_category_keep_the_input_order() -> None:
    lists, side = random_problem(2)
    outside = ItemInformation(side.items.popularity, ~np.isin(np.arange(N_ITEMS), lists.items))
    assert np.array_equal(XQuAD(0.8)(lists, SideInformation(outside, side.users), 6)[0], lists.items[:, :6])
