"""``mmr``: by hand, against a plain version, and with and without a table of similarities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank import MMR, Candidates, ItemInformation, SideInformation
from recbole_ext.rerank.methods import mmr
from tests.rerank.toy import N_ITEMS, check_greedy, random_problem


def plain_cosine(one: list[float], other: list[float]) -> float:
    length = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0


def test_by_hand() -> None:
    # Items 1 and 2 are the same, item 3 is at 45 degrees to them, item 4 at a right angle; s = 1, .9, .5, 0.
    vectors = np.array([[0, 0], [2, 0], [1, 0], [3, 3], [0, 1]])
    lists = Candidates(np.array([[1, 2, 3, 4]]), np.array([[10.0, 9.0, 5.0, 0.0]]))
    side = SideInformation(ItemInformation(np.ones(5, dtype=int), np.zeros(5, dtype=bool), vectors=vectors))
    chosen, value = MMR(0.5)(lists, side, 4)
    # .5 alone; then .45 - .5, .25 - .5/√2 = -.104 and 0 - 0; then 2: -.05, 3: .25 - .5/√2.
    assert chosen.tolist() == [[1, 4, 2, 3]]
    assert np.allclose(value, [[0.5, 0.0, -0.05, 0.25 - 0.5 / math.sqrt(2)]], atol=1e-12)


def test_unlike_items_attract() -> None:
    # Opposite vectors have cosine -1: the largest similarity to a list may be negative.
    lists = Candidates(np.array([[1, 2, 3]]), np.array([[2.0, 1.0, 0.0]]))
    vectors = np.array([[0], [1], [1], [-1]])
    side = SideInformation(ItemInformation(np.ones(4, dtype=int), np.zeros(4, dtype=bool), vectors=vectors))
    chosen, value = MMR(0.6)(lists, side, 2)
    assert chosen.tolist() == [[1, 3]]
    assert np.allclose(value, [[0.4, 0.6]], atol=1e-12)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("source", ["genres", "vectors"])
@given(seed=st.integers(0, 10_000), strength=st.floats(0.0, 1.0), k=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_against_the_plain_rule(table: bool, source: str, seed: int, strength: float, k: int) -> None:
    lists, side = random_problem(seed)
    features = side.items.genres
    if source == "vectors":
        features = np.random.default_rng(seed).standard_normal((N_ITEMS, 3))
        side = SideInformation(ItemInformation(side.items.popularity, side.items.head, vectors=features))
    assert features is not None
    rows = features.tolist()

    def plain(user: int, item: int, s: float, listed: list[int]) -> float:
        closest = max((plain_cosine(rows[item], rows[other]) for other in listed), default=0.0)
        return (1 - strength) * s - strength * closest

    with pytest.MonkeyPatch.context() as patch:
        if not table:
            patch.setattr(mmr, "_MOST_IN_TABLE", 0)
        items, values = MMR(strength)(lists, side, k)
    check_greedy(lists, items, values, plain)


def test_a_larger_strength_makes_lists_more_diverse() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((301, 8))
    items = np.stack([rng.permutation(300)[:100] + 1 for _ in range(50)])
    taste = rng.standard_normal((50, 8))
    scores = (vectors[items] @ taste[:, :, None])[:, :, 0]
    order = np.argsort(-scores, axis=1)
    lists = Candidates(np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1))
    side = SideInformation(
        ItemInformation(np.ones(301, dtype=int), np.zeros(301, dtype=bool), vectors=vectors)
    )
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = []
    for strength in (0.0, 0.3, 0.7, 1.0):
        chosen = unit[MMR(strength)(lists, side, 10)[0]]
        similarity.append(float((chosen @ chosen.transpose(0, 2, 1)).mean()))
    assert similarity == sorted(similarity, reverse=True)
    assert similarity[0] > 2 * similarity[-1]
