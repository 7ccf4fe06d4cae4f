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
from tests.evaluator.oracles import expected_ranks

ALL = list(METRICS)
INF = math.inf


def one_user(ranks: list[float], k: int) -> dict[str, float]:
    values = accuracy_per_user(np.array(ranks), np.zeros(len(ranks), int), 1, [k], ALL)
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

    ranks = expected_ranks(scores, rows, items).numpy()
    got = accuracy_per_user(ranks, rows.numpy(), n_users, topk, ALL)
    assert set(got) == set(expected)
    for name, values in got.items():
        assert values.mean() == pytest.approx(expected[name], abs=1e-6), name


def constant_scorer(n_items: int, held_out: int, k: int) -> dict[str, float]:
    scores = mask_scores_(torch.zeros(1, n_items))
    items = torch.arange(1, held_out + 1)
    ranks = expected_ranks(scores, torch.zeros_like(items), items)
    return one_user(ranks.tolist(), k)


@pytest.mark.parametrize("k", [1, 5, 10, 49])
def test_a_constant_scorer_does_not_look_good(k: int) -> None:
    """One of 99 candidates is held out, all have the same score: its expected rank is 50, whatever its id.

    A target counts where its *expected* rank is at most K, so that Hit@K is 0 below the middle of the catalogue.
    That is less than the K / 99 of a random order, never more. An evaluator that breaks ties by position would
    give 1 to the items at the front.
    """
    got = constant_scorer(100, 1, k)
    assert set(got.values()) == {0.0}
    assert got["hit"] <= k / 99


def test_a_constant_scorer_from_the_middle_of_the_catalogue_on() -> None:
    """At K = 50 the expected rank 50 is inside the list: Hit@50 is 1, and MRR@50 is that of the rank."""
    got = constant_scorer(100, 1, 50)
    assert got["hit"] == 1.0
    assert got["mrr"] == pytest.approx(1 / 50)


def test_a_tie_that_is_all_held_out_fills_the_list_once() -> None:
    """Three held-out items share the first three places: all orders give one value, that of two hits in two."""
    ranks = expected_ranks(
        torch.tensor([[-INF, 1.0, 1.0, 1.0]]), torch.tensor([0, 0, 0]), torch.tensor([1, 2, 3])
    )
    assert one_user(ranks.tolist(), 2) == pytest.approx(
        {"recall": 2 / 3, "precision": 1, "hit": 1, "mrr": 1, "ndcg": 1, "map": 1}
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.data())
def test_no_value_is_above_one_whatever_is_tied(levels: list[int], data: st.DataObject) -> None:
    """A list of K has K places: held-out items that share a rank cannot fill more of them."""
    scores = mask_scores_(torch.tensor([[0.0, *map(float, levels)]]))
    chosen = data.draw(st.sets(st.integers(1, len(levels)), min_size=1))
    k = data.draw(st.integers(1, len(levels)))
    items = torch.tensor(sorted(chosen))
    got = one_user(expected_ranks(scores, torch.zeros_like(items), items).tolist(), k)
    assert all(0 <= value <= 1 + 1e-12 for value in got.values()), got
