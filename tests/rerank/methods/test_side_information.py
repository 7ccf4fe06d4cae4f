"""SideInformation of items and users: profiles by hand, neutral values, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recbole_ext.errors import DataError
from recbole_ext.rerank import ItemInformation, SideInformation, UserHistories, user_profiles
from recbole_ext.rerank.methods import side_information
from tests.rerank.toy import plain_profile, random_problem

FOUR = np.array([0, 3, 1, 0])
HEAD = np.array([False, True, False, False])


def test_log_popularity_by_hand() -> None:
    # log(1+3) is the largest; log 2 / log 4 = 1/2; what stands at padding does not count.
    assert ItemInformation(np.array([99, 3, 1, 0]), HEAD).log_popularity.tolist() == [0.0, 1.0, 0.5, 0.0]


def test_without_interactions_p_is_0() -> None:
    assert ItemInformation(np.zeros(4, dtype=int), HEAD).log_popularity.tolist() == [0.0] * 4


def test_head_and_tail_cover_the_catalogue() -> None:
    assert ItemInformation(FOUR, np.array([True, True, False, False])).head_and_tail.tolist() == [-1, 0, 1, 1]


def test_items_without_genres_are_a_category_of_their_own() -> None:
    genres = np.array([[9, 9], [1, 1], [0, 2], [0, 0]])
    assert ItemInformation(FOUR, HEAD, genres=genres).genre_shares.tolist() == [
        [0.0, 0.0, 0.0],
        [0.5, 0.5, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ]
    assert ItemInformation(FOUR, HEAD, genres=genres + 1).genre_shares.shape == (4, 2)


def test_unit_vectors_prefer_vectors_to_genres() -> None:
    genres, vectors = np.ones((4, 2)), np.array([[5, 5], [3, 4], [0, 0], [3, 4]])
    items = ItemInformation(FOUR, HEAD, genres=genres, vectors=vectors)
    expected = np.array([[0.0, 0.0], [0.6, 0.8], [0.0, 0.0], [0.6, 0.8]])
    assert np.allclose(items.unit_vectors, expected, atol=1e-15)
    distinct, row_of = items.distinct_vectors
    assert len(distinct) == 2
    assert np.array_equal(distinct[row_of], items.unit_vectors)


def test_very_large_and_very_small_weights_are_only_weights() -> None:
    table = np.array([[0, 0], [3e307, 4e307], [1e308, 1e308], [3e-300, 4e-300]])
    items = ItemInformation(FOUR, HEAD, genres=table)
    with np.errstate(all="raise"):
        assert np.allclose(items.genre_shares[1:], [[3 / 7, 4 / 7], [0.5, 0.5], [3 / 7, 4 / 7]], atol=1e-12)
        assert np.allclose(items.unit_vectors[[1, 3]], [[0.6, 0.8], [0.6, 0.8]], atol=1e-12)


def test_profiles_by_hand() -> None:
    shares = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    users = UserHistories(np.array([0, 3, 3, 4]), np.array([1, 1, 2, 3]))
    # The user without history gets that of all interactions: 3 of item 1, 1 of item 2.
    expected = np.array([[2 / 3, 1 / 3], [0.75, 0.25], [0.5, 0.5]])
    assert np.allclose(
        user_profiles(SideInformation(ItemInformation(FOUR, HEAD), users), shares), expected, atol=1e-15
    )
    nobody = SideInformation(
        ItemInformation(np.zeros(4, dtype=int), HEAD), UserHistories(np.zeros(3, dtype=int), np.array([]))
    )
    assert user_profiles(nobody, shares).tolist() == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("block", [1, 3, 1 << 22])
def test_profiles_in_blocks_equal_the_plain_ones(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_information, "_BLOCK_INTERACTIONS", block)
    for seed in range(20):
        _, known = random_problem(seed, users=7)
        shares = known.items.genre_shares
        expected = [plain_profile(known, user, shares.tolist().__getitem__) for user in range(7)]
        assert np.allclose(user_profiles(known, shares), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"popularity": np.zeros((2, 2), dtype=int)}, r"popularity has shape"),
        ({"popularity": np.array([0])}, r"popularity has shape"),
        ({"popularity": np.array([0.0, 1.0, 2.0, 3.0])}, r"popularity has shape .* type float64"),
        ({"popularity": np.array([0, 1, -2, 3])}, r"item 2 has a negative popularity"),
        ({"head": np.array([False, True])}, r"head has shape"),
        ({"groups": np.array([0, 1])}, r"groups have shape"),
        ({"groups": np.array([-1, 0, -1, 1])}, r"item 2 has a negative group"),
        ({"genres": np.ones((3, 2))}, r"genres have shape"),
        ({"genres": np.ones((4, 0))}, r"genres have shape"),
        ({"genres": -np.ones((4, 2))}, r"negative weight"),
        ({"genres": np.array([[0.0], [1.0], [np.nan], [1.0]])}, r"genres of item 2 hold NaN"),
        ({"vectors": np.array([[0.0], [np.inf], [1.0], [1.0]])}, r"vectors of item 1 hold NaN or infinity"),
    ],
)
def test_malformed_items_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ItemInformation(**({"popularity": FOUR, "head": HEAD} | changes))


@pytest.mark.parametrize(
    ("indptr", "items", "message"),
    [
        ([[0, 1]], [1], r"two vectors"),
        ([0, 1], [1.5], r"two vectors"),
        ([0.0, 1.0], [1], r"two vectors"),
        ([], [], r"two vectors|must rise"),
        ([1, 1], [1], r"must rise from 0 to the number of interactions, 1"),
        ([0, 2, 1, 3], [1, 1, 1], r"must rise"),
        ([0, 1], [1, 1], r"must rise"),
        ([0, 2], [0, 1], r"item id below 1"),
    ],
)
def test_malformed_histories_are_refused(indptr: Any, items: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        UserHistories(np.array(indptr), np.array(items))


def test_histories_outside_the_catalogue_are_refused() -> None:
    with pytest.raises(DataError, match=r"item 4 outside the catalogue 1..3"):
        SideInformation(ItemInformation(FOUR, HEAD), UserHistories(np.array([0, 1]), np.array([4])))


def test_profiles_need_histories() -> None:
    with pytest.raises(DataError, match=r"give SideInformation the training histories"):
        user_profiles(SideInformation(ItemInformation(FOUR, HEAD)), np.ones((4, 1)))
