"""Ranks, masks and lists: by hand, and against implementations that look at one target at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.evaluator import ranking
from recbole_ext.evaluator.ranking import best_candidates, mask_scores_, ranks_within, top_k
from tests.evaluator.oracles import expected_ranks

INF = math.inf


def ranks_of(scores: list[list[float]], pairs: list[tuple[int, int]]) -> list[float]:
    rows, items = torch.tensor(pairs).T
    return expected_ranks(torch.tensor(scores), rows, items).tolist()


def naive_ranks(row: list[float], items: list[int]) -> dict[int, float]:
    """Mean place, over all orders of the scores, of the first, second, ... target of each tie."""
    result = {}
    for level in {row[item] for item in items}:
        ahead, tied = sum(score > level for score in row), sum(score == level for score in row)
        targets = [item for item in items if row[item] == level]
        orders = list(itertools.combinations(range(ahead + 1, ahead + tied + 1), len(targets)))
        for place, item in enumerate(targets):
            mean = sum(order[place] for order in orders) / len(orders)
            result[item] = INF if level == -INF else mean
    return result


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
    assert ranks_of(scores, [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]) == [1, 2, 3, 4, 5]
    assert ranks_of(scores, [(0, 3)]) == [3]
    # Two of the three: places {2, 3}, {2, 4} or {3, 4}; the first is at 7/3, the second at 11/3 on average.
    assert ranks_of(scores, [(0, 2), (0, 4)]) == pytest.approx([7 / 3, 11 / 3])


def test_one_of_two_tied_items_gets_half_a_place() -> None:
    assert ranks_of([[-INF, 2.0, 2.0, 9.0]], [(0, 2)]) == [2.5]


def test_a_constant_scorer_gets_the_middle_rank() -> None:
    # 9 candidates: the middle of 1 to 9 is 5, whichever item is asked for.
    for item in range(1, 10):
        scores = mask_scores_(torch.zeros(1, 10))
        assert expected_ranks(scores, torch.tensor([0]), torch.tensor([item])).tolist() == [5.0]


def test_targets_tied_in_different_rows_do_not_meet() -> None:
    assert ranks_of([[-INF, 1.0, 1.0, 1.0]] * 2, [(0, 1), (1, 1)]) == [2, 2]


def test_masked_items_do_not_count_as_candidates() -> None:
    # Without the two masked leaders, item 3 is first; tied with nobody.
    assert ranks_of([[-INF, -INF, -INF, 1.0, 0.5]], [(0, 3), (0, 4)]) == [1, 2]


@pytest.mark.parametrize("repeats", [1, 9])
def test_a_target_that_is_no_candidate_has_no_rank(repeats: int) -> None:
    assert ranks_of([[-INF, -INF, 1.0]], [(0, 1), (0, 0)] * repeats) == [INF, INF] * repeats


def test_infinite_scores_are_the_best() -> None:
    assert ranks_of([[-INF, INF, 1.0, INF]], [(0, 1), (0, 2), (0, 3)]) == [1, 3, 2]


@pytest.mark.parametrize("repeats", [1, 9])
def test_nan_is_an_error_that_names_the_row(repeats: int) -> None:
    with pytest.raises(RecBoleExtError, match=r"NaN.*row 1"):
        ranks_of([[0.0, 1.0], [0.0, math.nan]], [(0, 1)] * repeats)


@settings(deadline=None)
@given(scored(), st.data())
def test_few_and_many_targets_equal_the_naive_rank(scores: torch.Tensor, data: st.DataObject) -> None:
    height, n_items = scores.shape
    # More than four targets a row take the way over sorted rows.
    every = [(row, item) for row in range(height) for item in range(n_items)]
    few = data.draw(st.permutations(every))[: 4 * height]
    many = data.draw(st.permutations(every))
    before = scores.clone()
    for pairs in (few, many):
        rows, items = torch.tensor(pairs).T
        own = scores[rows, items]
        compared = ranking._compared(scores, rows, own)
        got = ranking._expected(rows, own, *compared, n_items)
        assert got.dtype == torch.float64
        for row in range(height):
            asked = [item for owner, item in pairs if owner == row]
            wanted = naive_ranks(scores[row].tolist(), asked)
            assert got[rows == row].tolist() == pytest.approx([wanted[item] for item in asked])
    assert torch.equal(scores, before)


def test_a_batch_without_targets() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert expected_ranks(torch.zeros(2, 4), none, none).shape == (0,)


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
def test_ranks_within_the_lists_are_the_expected_ranks(scores: torch.Tensor, data: st.DataObject) -> None:
    height, n_items = scores.shape
    k = data.draw(st.integers(1, n_items - 1))
    every = [(row, item) for row in range(height) for item in range(n_items)]
    rows, items = torch.tensor(data.draw(st.permutations(every))).T
    values = top_k(scores, k)[1]
    got = ranks_within(scores, values, rows, items)
    for row in range(height):
        asked = items[rows == row].tolist()
        naive = naive_ranks(scores[row].tolist(), asked)
        for item, rank in zip(asked, got[rows == row].tolist(), strict=True):
            # Whoever scores below the last of the list has k others before it, and counts in no list of k.
            beyond = scores[row, item] < values[row, -1]
            assert naive[item] > k or not beyond
            assert rank == pytest.approx(INF if beyond else naive[item])


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
