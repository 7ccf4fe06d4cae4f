"""What holds for every re-ranker: identity at strength 0, permutation of users, blocks, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError, DataError
from recbole_ext.rerank import (
    METHODS,
    Candidates,
    ItemInformation,
    SideInformation,
    UserHistories,
    checked_strength,
    make_reranker,
)
from recbole_ext.rerank.methods import candidates, table
from tests.rerank.toy import N_ITEMS, random_problem, take_rows

VARIATIONS: list[tuple[str, dict[str, Any]]] = [
    ("popularity_penalty", {}),
    ("value_aware", {}),
    ("xquad", {}),
    ("xquad", {"variant": "binary"}),
    ("calibrated", {}),
    ("calibrated", {"over": "genres"}),
    ("calibrated", {"over": "genres", "smoothing": 0.3}),
    ("mmr", {}),
]
every_variation = pytest.mark.parametrize(("name", "options"), VARIATIONS)


def test_every_method_of_the_table_is_tested_here() -> None:
    assert {name for name, _ in VARIATIONS} == set(METHODS)


@every_variation
@given(seed=st.integers(0, 10_000), k=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_strength_0_is_the_input_order_exactly(name: str, options: dict[str, Any], seed: int, k: int) -> None:
    lists, side = random_problem(seed)
    items, values = make_reranker(name, 0.0, **options)(lists, side, k)
    assert np.array_equal(items, lists.items[:, :k])
    # The value of an unchanged list is s: 1 for the best candidate of a user with different scores.
    low = np.where(np.isfinite(lists.scores), lists.scores, np.inf).min(axis=1)
    assert np.array_equal(values[:, 0], (lists.scores[:, 0] > low).astype(float))


@every_variation
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
@settings(max_examples=25, deadline=None)
def test_lists_hold_different_candidates_with_finite_values(
    name: str, options: dict[str, Any], seed: int, strength: float
) -> None:
    lists, side = random_problem(seed)
    items, values = make_reranker(name, strength, **options)(lists, side, 6)
    assert items.shape == values.shape == (5, 6)
    assert items.dtype == np.int64
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    for row, pool in zip(items, lists.items, strict=True):
        assert len(set(row.tolist())) == 6
        assert set(row.tolist()) <= set(pool[pool > 0].tolist())


@every_variation
@given(seed=st.integers(0, 10_000), order=st.permutations(range(5)))
@settings(max_examples=15, deadline=None)
def test_users_do_not_see_each_other(name: str, options: dict[str, Any], seed: int, order: list[int]) -> None:
    lists, side = random_problem(seed)
    reranker = make_reranker(name, 0.4, **options)
    items, values = reranker(lists, side, 5)
    moved_items, moved_values = reranker(*take_rows(lists, side, order), 5)
    assert np.array_equal(moved_items, items[order])
    assert np.array_equal(moved_values, values[order])


@every_variation
def test_blocks_of_users_change_nothing(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, side = random_problem(3, users=23)
    reranker = make_reranker(name, 0.4, **options)
    items, values = reranker(lists, side, 5)
    default = candidates.row_blocks.__defaults__
    monkeypatch.setattr(candidates.row_blocks, "__defaults__", (4 * 12,))
    assert default != (4 * 12,)
    assert len(list(candidates.row_blocks(23, 12))) == 6
    items_in_blocks, values_in_blocks = reranker(lists, side, 5)
    assert np.array_equal(items, items_in_blocks)
    assert np.array_equal(values, values_in_blocks)


@every_variation
@pytest.mark.parametrize("shift", [(1.0, 100.0), (1e300, 0.0), (1e-300, 0.0)])
def test_only_the_scaled_score_counts(name: str, options: dict[str, Any], shift: tuple[float, float]) -> None:
    # Quarters times a power of two, plus an integer, are exact, so that ties stay ties.
    factor = 2.0 ** round(np.log2(shift[0]))
    lists, side = random_problem(8)
    reranker = make_reranker(name, 0.3, **options)
    moved = Candidates(lists.items, lists.scores * factor + shift[1])
    for before, after in zip(reranker(lists, side, 5), reranker(moved, side, 5), strict=True):
        assert np.array_equal(before, after)


@every_variation
def test_constant_scores_are_neutral_at_strength_0_and_never_nan(name: str, options: dict[str, Any]) -> None:
    lists, side = random_problem(4)
    flat = Candidates(lists.items, np.where(lists.items > 0, 7.5, -np.inf))
    items, values = make_reranker(name, 0.0, **options)(flat, side, 5)
    assert np.array_equal(items, flat.items[:, :5])
    assert (values == 0.0).all()
    assert np.isfinite(make_reranker(name, 0.7, **options)(flat, side, 5)[1]).all()


@every_variation
def test_a_catalogue_without_interactions_is_neutral(name: str, options: dict[str, Any]) -> None:
    lists, side = random_problem(5)
    nothing = SideInformation(
        ItemInformation(
            np.zeros(N_ITEMS, dtype=int), np.zeros(N_ITEMS, dtype=bool), genres=side.items.genres
        ),
        UserHistories(np.zeros(6, dtype=int), np.zeros(0, dtype=int)),
    )
    items, values = make_reranker(name, 0.5, **options)(lists, nothing, 5)
    assert np.isfinite(values).all()
    if name in {"popularity_penalty", "value_aware", "xquad"}:
        assert np.array_equal(items, lists.items[:, :5])


@every_variation
def test_no_users_give_no_lists(name: str, options: dict[str, Any]) -> None:
    lists, side = take_rows(*random_problem(5), [])
    items, values = make_reranker(name, 0.5, **options)(lists, side, 5)
    assert items.shape == values.shape == (0, 5)


@every_variation
@pytest.mark.parametrize("k", [0, -1, 13, 2.0, True])
def test_list_lengths_that_cannot_be(name: str, options: dict[str, Any], k: Any) -> None:
    lists, side = random_problem(6)
    with pytest.raises(ConfigError, match=r"k is"):
        make_reranker(name, 0.5, **options)(lists, side, k)


@every_variation
def test_more_places_than_candidates_names_the_user(name: str, options: dict[str, Any]) -> None:
    items = np.array([[1, 2, 3], [4, 5, 0]])
    lists = Candidates(items, np.where(items > 0, -np.arange(3.0), -np.inf))
    _, side = random_problem(6, users=2)
    with pytest.raises(ConfigError, match=r"user row 1 has 2 candidates and k is 3"):
        make_reranker(name, 0.5, **options)(lists, side, 3)


@every_variation
@pytest.mark.parametrize("strength", [-0.1, 1.1, np.nan, np.inf, -np.inf, "0.1", None, True])
def test_strengths_out_of_range(name: str, options: dict[str, Any], strength: Any) -> None:
    if name == "popularity_penalty" and strength == 1.1:
        assert make_reranker(name, strength).strength == 1.1
        return
    with pytest.raises(ConfigError, match=rf"strength of {name}"):
        make_reranker(name, strength, **options)


@every_variation
def test_candidates_outside_the_catalogue(name: str, options: dict[str, Any]) -> None:
    lists, side = random_problem(6, users=1)
    lists.items[0, 0] = N_ITEMS
    with pytest.raises(DataError, match=r"candidate 25 lies outside the catalogue 1..24"):
        make_reranker(name, 0.5, **options)(lists, side, 3)


@pytest.mark.parametrize("name", ["xquad", "calibrated"])
def test_profiles_are_needed_for_the_same_rows(name: str) -> None:
    lists, side = random_problem(6)
    with pytest.raises(DataError, match=r"needs user profiles"):
        make_reranker(name, 0.5)(lists, SideInformation(side.items), 3)
    with pytest.raises(DataError, match=r"histories of 4 users and candidates of 5"):
        make_reranker(name, 0.5)(lists, take_rows(lists, side, [0, 1, 2, 3])[1], 3)


@pytest.mark.parametrize("name", ["popularity_penalty", "value_aware", "mmr"])
def test_the_others_work_without_profiles(name: str) -> None:
    lists, side = random_problem(6)
    with_users = make_reranker(name, 0.5)(lists, side, 3)
    assert np.array_equal(make_reranker(name, 0.5)(lists, SideInformation(side.items), 3)[0], with_users[0])


@pytest.mark.parametrize(("name", "options"), [("calibrated", {"over": "genres"}), ("mmr", {})])
def test_genres_are_needed(name: str, options: dict[str, Any]) -> None:
    lists, side = random_problem(6)
    bare = SideInformation(ItemInformation(side.items.popularity, side.items.head), side.users)
    with pytest.raises(DataError, match=r"give ItemInformation"):
        make_reranker(name, 0.5, **options)(lists, bare, 3)


def test_a_strength_may_be_any_real_number_type() -> None:
    assert checked_strength("x", 1) == 1.0
    assert checked_strength("x", np.float64(0.25)) == 0.25
    assert checked_strength("x", 1e6, highest=float("inf")) == 1e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("calibratd", {}), r"no re-ranker 'calibratd'.*did you mean 'calibrated'"),
        (("xquad", {"variant": "smoth"}), r"did you mean 'smooth'"),
        (("xquad", {"varint": "smooth"}), r"no option 'varint'.*did you mean 'variant'"),
        (("mmr", {"over": "genres"}), r"it takes no options"),
        (("calibrated", {"over": "genre"}), r"did you mean 'genres'"),
        (("calibrated", {"smoothing": 0.0}), r"smoothing"),
        (("calibrated", {"smoothing": 1.0}), r"smoothing"),
        (("calibrated", {"smoothing": float("nan")}), r"smoothing"),
        (("calibrated", {"smoothing": "0.1"}), r"smoothing"),
    ],
)
def test_methods_and_options_that_do_not_exist(arguments: tuple[str, dict[str, Any]], message: str) -> None:
    name, options = arguments
    with pytest.raises(ConfigError, match=message):
        make_reranker(name, 0.5, **options)


def test_each_method_is_compared_with_a_plain_rule() -> None:
    """A new method needs a slow version of its own, written item by item."""
    folder = Path(__file__).parent
    for name in table._CLASSES:
        assert "def test_against_the_plain_rule(" in (folder / f"test_{name}.py").read_text("utf-8"), name
