"""Accuracy: fractions by hand, a plain loop over one list at a time, and RecBole's own classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.evaluator.collector import Collector
from recbole.evaluator.evaluator import Evaluator

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.metrics.accuracy import METRICS, accuracy_per_user
from recbole_ext.evaluator.ranking import mask_scores_
from tests.evaluator.oracles import accuracy_of_list, accuracy_over_orders, places

ALL = list(METRICS)
INF = math.inf


def one_user(ranks: list[float], k: int, ties: list[int] | None = None) -> dict[str, float]:
    tied = None if ties is None else np.array(ties)
    values = accuracy_per_user(np.array(ranks), np.zeros(len(ranks), int), 1, [k], ALL, tied)
    return {name.partition("@")[0]: float(value[0]) for name, value in values.items()}


def discount(rank: float) -> float:
    return 1 / math.log2(rank + 1)


def naive(ranks: list[int], total: int, k: int) -> dict[str, float]:
    """From the list of hits, place by place, as the definitions are written."""
    hits = [place in ranks for place in range(1, k + 1)]
    found = sum(hits)
    precisions = [sum(hits[: place + 1]) / (place + 1) for place in range(k) if hits[place]]
    return {
        "recall": found / total,
        "precision": found / k,
        "hit": float(found > 0),
        "mrr": 1 / (hits.index(True) + 1) if found else 0.0,
        "ndcg": sum(discount(place + 1) for place in range(k) if hits[place])
        / sum(discount(place + 1) for place in range(min(k, total))),
        "map": sum(precisions) / min(total, k),
    }


def test_three_held_out_items_two_of_them_found() -> None:
    got = one_user([7, 2, 4], 5)
    assert got == pytest.approx(
        {
            "recall": 2 / 3,
            "precision": 2 / 5,
            "hit": 1.0,
            "mrr": 1 / 2,
            "ndcg": (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2),
            "map": (1 / 2 + 2 / 4) / 3,
        }
    )


def test_more_held_out_items_than_places() -> None:
    # K = 2 of four held-out items, at places 1 and 2: the best list there is.
    got = one_user([1, 2, 5, 9], 2)
    assert got == pytest.approx({"recall": 1 / 2, "precision": 1, "hit": 1, "mrr": 1, "ndcg": 1, "map": 1})


def test_nothing_found_is_zero() -> None:
    for ranks in ([6.0, 8.0], [INF], [5.5]):
        assert set(one_user(ranks, 5).values()) == {0.0}


def test_one_held_out_item_at_the_last_place() -> None:
    assert one_user([4], 4) == pytest.approx(
        {"recall": 1, "precision": 1 / 4, "hit": 1, "mrr": 1 / 4, "ndcg": 1 / math.log2(5), "map": 1 / 4}
    )


def test_users_are_kept_apart_in_any_order_of_the_targets() -> None:
    # User 0 has ranks 1 and 3, user 1 none within K, user 2 rank 2.
    values = accuracy_per_user(
        np.array([3, 2, 9, 1, INF]), np.array([0, 2, 1, 0, 1]), 3, [2, 3], ["MRR", "recall"]
    )
    assert list(values) == ["mrr@2", "mrr@3", "recall@2", "recall@3"]
    assert values["mrr@2"].tolist() == [1, 0, 1 / 2]
    assert values["recall@2"].tolist() == [1 / 2, 0, 1]
    assert values["recall@3"].tolist() == [1, 0, 1]


def test_an_unknown_metric_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"'ndgc' is unknown.*'ndcg'"):
        accuracy_per_user(np.array([1.0]), np.array([0]), 1, [1], ["ndgc"])


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(1, 15), min_size=1, max_size=6), min_size=1, max_size=5), st.randoms())
def test_equals_a_plain_loop(users: list[set[int]], shuffler: Any) -> None:
    # Ranks above 12 stand for items that are no candidates.
    pairs = [(rank if rank <= 12 else INF, user) for user, ranks in enumerate(users) for rank in ranks]
    shuffler.shuffle(pairs)
    topk = [1, 2, 5, 12]
    got = accuracy_per_user(
        np.array([rank for rank, _ in pairs], float),
        np.array([user for _, user in pairs]),
        len(users),
        topk,
        ALL,
    )
    for user, ranks in enumerate(users):
        for k in topk:
            for name, value in naive([rank for rank in ranks if rank <= 12], len(ranks), k).items():
                assert got[f"{name}@{k}"][user] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [1, 6])
def test_equals_recbole_on_scores_without_ties(seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    n_users, n_items, topk = 40, 30, [1, 3, 10, 20]
    scores = torch.from_numpy(
        np.stack([random.permutation(n_items) for _ in range(n_users)]).astype(np.float32)
    )
    held_out = [
        random.choice(np.arange(1, n_items), random.integers(1, most + 1), False) for _ in range(n_users)
    ]
    rows = torch.from_numpy(np.repeat(np.arange(n_users), [len(items) for items in held_out]))
    items = torch.from_numpy(np.concatenate(held_out))
    scores = mask_scores_(scores)

    host_config = {
        "metrics": ALL,
        "topk": topk,
        "device": torch.device("cpu"),
        "eval_args": {"mode": "full"},
        "metric_decimal_place": 12,
    }
    collector = Collector(host_config)
    collector.eval_batch_collect(scores.clone(), None, rows, items)
    expected = Evaluator(host_config).evaluate(collector.get_data_struct())

    ranks, ties = (one.numpy() for one in places(scores, rows, items))
    assert (ties == 1).all()
    got = accuracy_per_user(ranks, rows.numpy(), n_users, topk, ALL, ties)
    assert set(got) == set(expected)
    for name, values in got.items():
        assert values.mean() == pytest.approx(expected[name], abs=1e-6), name


def of_scores(scores: torch.Tensor, held_out: set[int], k: int) -> dict[str, float]:
    """All metrics of one user with scores ``(1, n_items)``."""
    items = torch.tensor(sorted(held_out))
    ranks, ties = places(scores, torch.zeros_like(items), items)
    return one_user(ranks.tolist(), k, ties.tolist())


@pytest.mark.parametrize("k", [1, 5, 10, 50, 99])
def test_a_constant_scorer_gets_the_value_of_a_random_order(k: int) -> None:
    """One of 99 candidates is held out, all have the same score: each place is as likely, whatever the item's id.

    An evaluator that breaks ties by position would give 1 to the items at the front; one that takes the metric at the
    expected rank, 50, would give a hit of 0 below K = 50 and of 1 from there on.
    """
    gains = [1 / math.log2(place + 1) for place in range(1, k + 1)]
    reciprocal = sum(1 / place for place in range(1, k + 1)) / 99
    for item in (1, 40, 99):
        assert of_scores(mask_scores_(torch.zeros(1, 100)), {item}, k) == pytest.approx(
            {
                "recall": k / 99,
                "precision": 1 / 99,
                "hit": k / 99,
                "mrr": reciprocal,
                "ndcg": sum(gains) / 99,
                "map": reciprocal,
            }
        )


def test_a_tie_across_the_last_place_by_hand() -> None:
    # Two candidates are better; the target and three others share the places 3 to 6 of a list of 4.
    got = of_scores(mask_scores_(torch.tensor([[0.0, 2, 2, 1, 1, 1, 1, 0]])), {4}, 4)
    assert got["hit"] == got["recall"] == 2 / 4
    assert (got["mrr"], got["map"]) == pytest.approx([(1 / 3 + 1 / 4) / 4] * 2)
    assert got["ndcg"] == pytest.approx((1 / math.log2(4) + 1 / math.log2(5)) / 4)
    assert got["precision"] == pytest.approx(2 / 4 / 4)


def test_several_targets_in_a_tie_across_the_last_place_by_hand() -> None:
    # Two of four tied candidates are held out, K = 2: both, one or none is found in 1, 4 and 1 of 6 ways.
    got = of_scores(mask_scores_(torch.zeros(1, 5)), {1, 3}, 2)
    assert got["hit"] == pytest.approx(5 / 6)
    assert got["recall"] == pytest.approx((2 + 4 * 1) / 6 / 2)
    # First place in half of the cases, else second in two thirds of the rest.
    assert got["mrr"] == pytest.approx(1 / 2 + 1 / 2 * 2 / 3 / 2)
    # Both: (1 + 2/2) / 2; one at the first place: 1/2; at the second: 1/4.
    assert got["map"] == pytest.approx((1 * 1 + 2 * 1 / 2 + 2 * 1 / 4) / 6)


def test_a_tie_that_is_all_held_out_fills_the_list_once() -> None:
    """Three held-out items share the first three places: all orders give one value, that of two hits in two."""
    assert of_scores(torch.tensor([[-INF, 1.0, 1.0, 1.0]]), {1, 2, 3}, 2) == pytest.approx(
        {"recall": 2 / 3, "precision": 1, "hit": 1, "mrr": 1, "ndcg": 1, "map": 1}
    )


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([-INF, 0.0, 1.0, 2.0]), min_size=2, max_size=7), st.data())
def test_ties_have_the_mean_over_all_orders(levels: list[float], data: st.DataObject) -> None:
    scores = mask_scores_(torch.tensor([[0.0, *levels]]))
    held_out = data.draw(st.sets(st.integers(1, len(levels)), min_size=1))
    k = data.draw(st.integers(1, len(levels)))
    wanted = accuracy_over_orders(scores[0].tolist(), held_out, k)
    assert of_scores(scores, held_out, k) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_large_ties_have_the_mean_of_random_orders(seed: int) -> None:
    """Too many orders to count: 4,000 are drawn, and a mean lies within five of its standard errors."""
    random = np.random.default_rng(seed)
    scores = mask_scores_(torch.from_numpy(random.integers(0, 3, (1, 41)).astype(np.float64)))
    held_out, k = set((random.choice(40, 9, replace=False) + 1).tolist()), 20
    row = scores[0].numpy()[1:]
    orders = [np.lexsort((random.random(40), -row)) + 1 for _ in range(4000)]
    drawn = [accuracy_of_list(order.tolist(), held_out, k) for order in orders]
    for name, value in of_scores(scores, held_out, k).items():
        values = np.array([one[name] for one in drawn])
        assert abs(values.mean() - value) <= 5 * values.std() / math.sqrt(len(values)) + 1e-12, name


def test_users_with_ties_leave_the_others_as_they_are() -> None:
    ranks, users = np.array([3.0, 1.0, 4.0, INF, 2.0]), np.array([0, 1, 1, 2, 2])
    alone = accuracy_per_user(ranks, users, 3, [3], ALL)
    tied = accuracy_per_user(ranks, users, 3, [3], ALL, np.array([4, 1, 1, 1, 1]))
    for name, values in alone.items():
        assert values[1:].tolist() == tied[name][1:].tolist()
        assert values[0] > tied[name][0]


def test_an_item_that_is_held_out_twice_is_found_once() -> None:
    """As RecBole counts repeats: two in the denominator, one hit in the list."""
    got = one_user([1, 1], 2, [1, 1])
    assert (got["recall"], got["precision"], got["hit"], got["mrr"]) == (0.5, 0.5, 1, 1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.data())
def test_no_value_is_above_one_whatever_is_tied(levels: list[int], data: st.DataObject) -> None:
    """A list of K has K places: held-out items that share a score cannot fill more of them."""
    scores = mask_scores_(torch.tensor([[0.0, *map(float, levels)]]))
    chosen = data.draw(st.sets(st.integers(1, len(levels)), min_size=1))
    k = data.draw(st.integers(1, len(levels)))
    got = of_scores(scores, chosen, k)
    assert all(0 <= value <= 1 + 1e-12 for value in got.values()), got
