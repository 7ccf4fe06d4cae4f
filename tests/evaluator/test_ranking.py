"""Ranks, masks and lists: by hand, and against implementations that look at one target at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.evaluator import ranking
from recbole_ext.evaluator.ranking import (
    areas_under_curve,
    best_candidates,
    mask_scores_,
    ranks_within,
    top_k,
)
from tests.evaluator.oracles import places

INF = math.inf


def places_of(scores: list[list[float]], pairs: list[tuple[int, int]]) -> list[tuple[float, int]]:
    rows, items = torch.tensor(pairs).T
    ranks, ties = places(torch.tensor(scores), rows, items)
    return list(zip(ranks.tolist(), ties.tolist(), strict=True))


def naive_places(row: list[float], items: list[int]) -> list[tuple[float, int]]:
    """1 + the better candidates, and the candidates of the same score, of each item."""
    return [
        (1 + sum(score > row[item] for score in row), sum(score == row[item] for score in row))
        if row[item] > -INF
        else (INF, 1)
        for item in items
    ]


def naive_top_k(row: list[float], k: int) -> tuple[list[int], list[float]]:
    order = sorted((item for item in range(len(row)) if row[item] > -INF), key=lambda i: (-row[i], i))[:k]
    room = k - len(order)
    return order + [0] * room, [row[item] for item in order] + [-INF] * room


@st.composite
def scored(draw: st.DrawFn) -> torch.Tensor:
    """``(B, n_items)`` scores with many ties and items that are no candidates, padding among them."""
    rows, n_items = draw(st.integers(1, 5)), draw(st.integers(2, 9))
    value = st.sampled_from([-INF, -2.5, -1.0, 0.0, 0.25, 1.0, 3.0])
    values = draw(st.lists(st.lists(value, min_size=n_items, max_size=n_items), min_size=rows, max_size=rows))
    kind = draw(st.sampled_from([torch.float32, torch.float64]))
    return mask_scores_(torch.tensor(values, dtype=kind))


def test_by_hand() -> None:
    scores = [[-INF, 5.0, 3.0, 3.0, 3.0, 1.0]]
    # 5 is first; the three 3s share the places 2, 3 and 4; 1 is fifth.
    assert places_of(scores, [(0, 1), (0, 2), (0, 4), (0, 5)]) == [(1, 1), (2, 3), (2, 3), (5, 1)]


def test_a_constant_scorer_ties_with_the_whole_catalogue() -> None:
    for item in range(1, 10):
        ranks, ties = places(mask_scores_(torch.zeros(1, 10)), torch.tensor([0]), torch.tensor([item]))
        assert (ranks.tolist(), ties.tolist()) == ([1.0], [9])


def test_targets_tied_in_different_rows_do_not_meet() -> None:
    assert places_of([[-INF, 1.0, 1.0, 1.0], [-INF, 1.0, 1.0, 0.0]], [(0, 1), (1, 1)]) == [(1, 3), (1, 2)]


def test_masked_items_do_not_count_as_candidates() -> None:
    # Without the two masked leaders, item 3 is first; tied with nobody.
    assert places_of([[-INF, -INF, -INF, 1.0, 0.5]], [(0, 3), (0, 4)]) == [(1, 1), (2, 1)]


@pytest.mark.parametrize("repeats", [1, 9])
def test_a_target_that_is_no_candidate_has_no_rank(repeats: int) -> None:
    assert places_of([[-INF, -INF, 1.0]], [(0, 1), (0, 0)] * repeats) == [(INF, 1)] * 2 * repeats


def test_infinite_scores_are_the_best() -> None:
    assert places_of([[-INF, INF, 1.0, INF]], [(0, 1), (0, 2), (0, 3)]) == [(1, 2), (3, 1), (1, 2)]


@pytest.mark.parametrize("repeats", [1, 9])
def test_nan_is_an_error_that_names_the_row(repeats: int) -> None:
    with pytest.raises(RecBoleExtError, match=r"NaN.*row 1"):
        places_of([[0.0, 1.0], [0.0, math.nan]], [(0, 1)] * repeats)


@settings(deadline=None)
@given(scored(), st.data())
def test_few_and_many_targets_equal_the_naive_count(scores: torch.Tensor, data: st.DataObject) -> None:
    height, n_items = scores.shape
    # More than four targets a row take the way over sorted rows.
    every = [(row, item) for row in range(height) for item in range(n_items)]
    few = data.draw(st.permutations(every))[: 4 * height]
    many = data.draw(st.permutations(every))
    before = scores.clone()
    for pairs in (few, many):
        rows, items = torch.tensor(pairs).T
        higher, equal = ranking._compared(scores, rows, scores[rows, items])
        table = scores.tolist()
        assert higher.tolist() == [sum(one > table[r][i] for one in table[r]) for r, i in pairs]
        assert equal.tolist() == [sum(one == table[r][i] for one in table[r]) for r, i in pairs]
    assert torch.equal(scores, before)


def test_a_batch_without_targets() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    ranks, ties = places(torch.zeros(2, 4), none, none)
    assert ranks.shape == ties.shape == (0,)


@settings(deadline=None)
@given(scored(), st.data())
def test_top_k_equals_a_sort_with_ties_by_smaller_id(scores: torch.Tensor, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, scores.shape[1] - 1))
    items, values = top_k(scores, k)
    expected = [naive_top_k(row, k) for row in scores.tolist()]
    assert items.dtype == torch.int64
    assert items.tolist() == [wanted[0] for wanted in expected]
    assert values.tolist() == [wanted[1] for wanted in expected]


@pytest.mark.parametrize("distinct", [3, 50, 10**6])
@pytest.mark.parametrize("k", [1, 7, 20])
def test_top_k_by_blocks_equals_a_sort(k: int, distinct: int) -> None:
    """Enough items for blocks, the last of them not full, some rows almost without candidates."""
    scores = torch.from_numpy(np.random.default_rng(k).integers(0, distinct, (40, 3001))).float()
    scores[30:, 5:2990] = -INF
    scores[35:] = -INF
    scores = mask_scores_(scores)
    items, values = top_k(scores, k)
    expected = [naive_top_k(row, k) for row in scores.tolist()]
    assert [(row, kept) for row, kept in zip(items.tolist(), values.tolist(), strict=True)] == expected


def test_top_k_of_a_wide_catalogue() -> None:
    random = np.random.default_rng(0)
    scores = mask_scores_(torch.from_numpy(random.integers(0, 40, (20, 3_000)).astype(np.float32)))
    items, values = top_k(scores, 100)
    for row, chosen, kept in zip(scores.tolist(), items.tolist(), values.tolist(), strict=True):
        assert (chosen, kept) == naive_top_k(row, 100)


def test_many_rows_of_ties_take_the_smallest_ids() -> None:
    """More rows than are filled at a time; one item is above the tie, the padding and every third item below it."""
    scores = torch.ones(150, 300)
    scores[:, ::3] = 0.0
    scores[torch.arange(150), 1 + 3 * (torch.arange(150) % 99)] = 2.0
    items, _ = top_k(scores, 20)
    for row, chosen in enumerate(items.tolist()):
        best = 1 + 3 * (row % 99)
        ties = [item for item in range(300) if item % 3 and item != best]
        assert chosen == [best, *ties[:19]]


def test_where_candidates_run_out_there_is_no_item() -> None:
    items, values = top_k(torch.tensor([[-INF, -INF, 0.5, -INF, 0.7]]), 4)
    assert items.tolist() == [[4, 2, 0, 0]]
    assert values[0, :2].tolist() == pytest.approx([0.7, 0.5])
    assert values[0, 2:].tolist() == [-INF, -INF]


def test_the_whole_catalogue_is_a_list() -> None:
    assert top_k(mask_scores_(torch.tensor([[9.0, 1.0, 3.0, 2.0]])), 3)[0].tolist() == [[2, 3, 1]]


@pytest.mark.parametrize("k", [0, -1, 4])
def test_k_must_fit_the_catalogue(k: int) -> None:
    with pytest.raises(ConfigError, match="catalogue of 3 items"):
        top_k(torch.zeros(1, 4), k)


def test_mask_is_in_place_and_touches_only_the_pairs() -> None:
    scores = torch.ones(2, 4)
    got = mask_scores_(scores, torch.tensor([0, 1, 1]), torch.tensor([2, 1, 3]))
    assert got is scores
    assert (scores == -INF).tolist() == [[True, False, True, False], [True, True, False, True]]
    assert (scores[scores != -INF] == 1).all()


def test_without_pairs_only_padding_is_masked() -> None:
    assert (mask_scores_(torch.ones(2, 3)) == -INF).tolist() == [[True, False, False]] * 2


@settings(deadline=None)
@given(scored(), st.data())
def test_places_within_the_lists_are_counted_over_all_candidates(
    scores: torch.Tensor, data: st.DataObject
) -> None:
    height, n_items = scores.shape
    k = data.draw(st.integers(1, n_items - 1))
    every = [(row, item) for row in range(height) for item in range(n_items)]
    rows, items = torch.tensor(data.draw(st.permutations(every))).T
    values = top_k(scores, k)[1]
    ranks, ties = ranks_within(scores, values, rows, items)
    assert (ranks.dtype, ties.dtype) == (torch.float64, torch.int64)
    for row in range(height):
        asked = items[rows == row].tolist()
        found = zip(ranks[rows == row].tolist(), ties[rows == row].tolist(), strict=True)
        for item, got, naive in zip(asked, found, naive_places(scores[row].tolist(), asked), strict=True):
            # Whoever scores below the last of the list has k others before it, and counts in no list of k.
            beyond = scores[row, item] < values[row, -1]
            assert naive[0] > k or not beyond
            assert got == ((INF, 1) if beyond else naive)


def test_nan_in_a_list_is_an_error_that_names_the_row() -> None:
    scores = torch.tensor([[-INF, 1.0, 2.0], [-INF, 0.0, math.nan]])
    with pytest.raises(RecBoleExtError, match=r"NaN.*row 1"):
        ranks_within(scores, top_k(scores, 1)[1], torch.tensor([0]), torch.tensor([1]))


class Batch:
    """Users by their rows in a table of scores."""

    def __init__(self, users: list[int]) -> None:
        self.users = np.array(users)


def test_lists_of_all_users_are_made_batch_by_batch_and_each_batch_is_scored_once() -> None:
    table = mask_scores_(torch.from_numpy(np.random.default_rng(0).random((7, 9))))
    scored_rows: list[int] = []
    visited: list[tuple[slice, list[list[float]]]] = []

    def score(batch: Batch) -> torch.Tensor:
        scored_rows.extend(batch.users.tolist())
        return table[torch.from_numpy(batch.users)]

    def visit(rows: slice, batch: Batch, scores: torch.Tensor, values: torch.Tensor) -> None:
        assert torch.equal(scores, table[rows])
        visited.append((rows, values.tolist()))

    lists = best_candidates((Batch(part) for part in ([0, 1, 2], [3, 4, 5], [6])), score, 7, 4, visit)
    naive = [naive_top_k(row, 4) for row in table.tolist()]
    assert lists.items.tolist() == [items for items, _ in naive]
    assert lists.scores.tolist() == [values for _, values in naive]
    assert scored_rows == list(range(7))
    assert [rows for rows, _ in visited] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert [row for _, values in visited for row in values] == lists.scores.tolist()


@pytest.mark.parametrize("k", [0, -1, 9])
def test_lists_of_a_length_that_cannot_be_are_refused(k: int) -> None:
    with pytest.raises(ConfigError):
        best_candidates([Batch([0])], lambda _: torch.zeros(1, 9), 1, k)


def area_by_pairs(row: list[float], targets: set[int]) -> float:
    """Share of the pairs of a target and another candidate in which the target scores higher; a tie is half a pair."""
    others = [item for item, score in enumerate(row) if score > -math.inf and item not in targets]
    won = 0.0
    for target in targets:
        for other in others:
            if row[target] > -math.inf:
                won += (row[target] > row[other]) + (row[target] == row[other]) / 2
    pairs = len(targets) * len(others)
    return won / pairs if pairs else 0.5


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_the_area_is_the_share_of_pairs_that_a_target_wins(data: st.DataObject) -> None:
    n_rows, n_items = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 9))
    score = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0])
    table = [data.draw(st.lists(score, min_size=n_items, max_size=n_items)) for _ in range(n_rows)]
    targets = [
        data.draw(st.lists(st.integers(1, n_items - 1), min_size=1, max_size=6)) for _ in range(n_rows)
    ]
    for row in table:
        row[0] = -math.inf
    rows = [row for row, items in enumerate(targets) for _ in items]
    items = [item for row in targets for item in row]
    found = areas_under_curve(torch.tensor(table), torch.tensor(rows), torch.tensor(items))
    expected = [area_by_pairs(row, set(wanted)) for row, wanted in zip(table, targets, strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
