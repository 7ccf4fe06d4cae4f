"""Folds, cold items and cold users: what is held out, what may be read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.cli.show import protocol_line
from recbole_ext.config.build import build_config
from recbole_ext.data.build import DataCache, prepare_data
from recbole_ext.data.drawn import GIVEN, SplitDraw
from recbole_ext.data.evidence import evidence_of
from recbole_ext.data.histories import Histories
from recbole_ext.data.interactions import TEST, TRAIN, VALID, Interactions, Split, split_interactions
from recbole_ext.data.statistics import cold_groups, cold_shares
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.trainer.configure import read_model_config
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.data.test_interactions import build

RATIO = [0.6, 0.2, 0.2]
# Five users with 8 to 12 of 15 items each, at times that rise with the row.
ROWS = [
    (user, 1 + (item * user) % 15, 100 * user + item)
    for user in (1, 2, 4, 7, 8)
    for item in range(8 + user % 5)
]


def known_users() -> Interactions:
    rows = [([1, 2, 4, 7, 8].index(user) + 1, item, time) for user, item, time in ROWS]
    return build(rows)


def pairs(split: Split, phase: int) -> set[tuple[int, int]]:
    rows = split.rows(phase)
    return set(
        zip(split.interactions.users[rows].tolist(), split.interactions.items[rows].tolist(), strict=True)
    )


users_and_items = st.dictionaries(st.integers(1, 8), st.sets(st.integers(1, 12), min_size=1), min_size=1)


def interactions(owned: dict[int, set[int]]) -> Interactions:
    names = {user: number for number, user in enumerate(sorted(owned), 1)}
    return build([(names[user], item, item * 7 % 5) for user, items in owned.items() for item in items])


@settings(max_examples=60, deadline=None)
@given(users_and_items, st.integers(3, 6), st.integers(0, 3))
def test_each_interaction_of_a_user_with_three_is_tested_in_one_fold(
    owned: dict[int, set[int]], folds: int, seed: int
) -> None:
    data = interactions(owned)
    everything = set(zip(data.users.tolist(), data.items.tolist(), strict=True))
    found: list[Split] = []
    for fold in range(1, folds + 1):
        try:
            found.append(split_interactions(data, "k_fold", draw=SplitDraw(folds, fold, seed=seed)))
        except DataError:  # a fold without anybody, where there are few users
            return
    tests = [pairs(split, TEST) for split in found]
    long = {user for user in np.unique(data.users) if (data.users == user).sum() >= 3}
    assert sorted(pair for test in tests for pair in test) == sorted(p for p in everything if p[0] in long)
    for number, split in enumerate(found):
        assert pairs(split, VALID) == tests[(number + 1) % folds]
        assert pairs(split, TRAIN) | pairs(split, VALID) | pairs(split, TEST) == everything
        for user in long:
            sizes = [sum(pair[0] == user for pair in test) for test in tests]
            assert max(sizes) - min(sizes) <= 1


def test_folds_are_read_in_the_order_of_time_and_validation_is_masked_but_not_read() -> None:
    split = split_interactions(known_users(), "k_fold", draw=SplitDraw(4, 2))
    data = split.interactions
    for user in range(1, 6):
        (start, stop), (_, end) = split.read(TEST), split.history(TEST)
        read = slice(start[user], stop[user])
        assert (np.diff(data.times[read]) > 0).all()
        assert (split.phase[read] == TRAIN).all()
        assert (split.phase[stop[user] : end[user]] == VALID).all()
        assert (split.phase[end[user] : split.targets(TEST)[1][user]] == TEST).all()
    seen = evidence_of(split, TEST, np.array([1]), head_rule="items_20", genres=None, mask_seen=True).seen
    assert seen is not None
    assert set(seen[1].tolist()) == {
        item for p in (TRAIN, VALID) for user, item in pairs(split, p) if user == 1
    }
    read_items = Histories.before(split, TEST, np.array([1])).items
    assert set(read_items.tolist()) == {item for user, item in pairs(split, TRAIN) if user == 1}


def test_the_deal_rests_on_users_and_items_not_on_the_order_of_equal_times() -> None:
    rows = [(1, item, 5) for item in range(1, 11)]
    one = split_interactions(build(rows), "k_fold", draw=SplitDraw())
    other = split_interactions(build(rows[::-1]), "k_fold", draw=SplitDraw())
    assert pairs(one, TEST) == pairs(other, TEST)
    assert pairs(one, TEST) != pairs(split_interactions(build(rows), "k_fold", draw=SplitDraw(seed=1)), TEST)


@settings(max_examples=60, deadline=None)
@given(users_and_items, st.integers(0, 3))
def test_nobody_had_a_cold_item_before(owned: dict[int, set[int]], seed: int) -> None:
    data = interactions(owned)
    try:
        split = split_interactions(data, "cold_items", RATIO, draw=SplitDraw(seed=seed))
    except DataError:
        return
    parts = [{item for _, item in pairs(split, phase)} for phase in (TRAIN, VALID, TEST)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert len(parts[2]) <= int((data.n_items - 1) * 0.2 + 1e-9)
    assert cold_shares(split)["cold_targets"] == 1.0
    # Validation items are as unknown to a model as those of the test: they are masked, never read.
    assert (split.train_counts()[Histories.before(split, TEST, split.evaluated_users(TEST)).items] > 0).all()


def test_of_cold_users_the_first_items_are_given_and_the_rest_is_held_out() -> None:
    data = known_users()
    split = split_interactions(data, "cold_users", RATIO, draw=SplitDraw(cold_history=3))
    assert len(split.users_with_targets(TEST)) == len(split.users_with_targets(VALID)) == 1
    (user,) = split.evaluated_users(TEST)
    own = slice(data.indptr[user], data.indptr[user + 1])
    assert split.phase[own].tolist() == [GIVEN] * 3 + [TEST] * (own.stop - own.start - 3)
    assert Histories.before(split, TEST, np.array([user])).items.tolist() == data.items[own][:3].tolist()
    trained = set(np.unique(data.users[split.rows(TRAIN)]))
    assert trained == {1, 2, 3, 4, 5} - {user, *split.evaluated_users(VALID)}
    assert cold_shares(split)["cold_users"] == 1.0
    assert split.cold_users(TEST).tolist() == [user]
    start, stop = split.period(TRAIN)
    assert set(np.flatnonzero(stop > start)) == trained
    first = split_interactions(data, "cold_users", RATIO, draw=SplitDraw(cold_history=3), targets="first")
    assert first.interactions.items[first.target_rows(TEST)].tolist() == [data.items[own][3]]


def test_cold_and_warm_stand_apart_only_where_there_are_both() -> None:
    old, new, late = (
        ((1, item, item) for item in range(1, 8)),
        ((2, item, 10 + item) for item in (1, 2)),
        (3, 2, 14),
    )
    rows = [*old, *new, (3, 1, 2), late]
    split = split_interactions(build(rows), "global_time", targets="last", time=[5, 7])
    assert cold_groups(split, np.array([2, 3])).keys() == {"cold_users", "warm_users"}
    # User 1 is asked for item 7, which is new; user 2 comes in the test period.
    groups = cold_groups(split, split.evaluated_users(TEST))
    assert {name: mask.tolist() for name, mask in groups.items()} == {
        "cold_users": [False, True, False],
        "warm_users": [True, False, True],
        "cold_targets": [True, False, False],
        "warm_targets": [False, True, True],
    }


@pytest.mark.parametrize(
    ("split", "draw", "message"),
    [
        ("k_fold", SplitDraw(2), "fold is 1 of 2: give 3 folds"),
        ("k_fold", SplitDraw(5, 6), "fold is 6 of 5"),
        ("cold_users", SplitDraw(cold_history=99), "leaves no validation interaction: lower cold_history"),
    ],
)
def test_what_cannot_be_drawn_is_refused(split: str, draw: SplitDraw, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        split_interactions(known_users(), split, RATIO, draw=draw)
    with pytest.raises(DataError, match="'cold_items' leaves no validation interaction: raise the shares"):
        split_interactions(known_users(), "cold_items", [0.98, 0.01, 0.01], draw=SplitDraw())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"fold": 2}, "fold .* belongs to split: k_fold, not to leave_one_out"),
        ({"split": "k_fold", "fold": 6}, "fold .* is 6, but there are 5 folds"),
        ({"split": "k_fold", "folds": 2}, "folds"),
        ({"split": "cold_users", "split_targets": "last"}, "split_targets .* must be all or first"),
        ({"candidates": {"kind": "cold"}}, "kind: cold, which belongs to split: cold_items"),
    ],
)
def test_keys_of_other_splits_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_model_config("Pop", [], keys)


def test_models_that_know_items_by_their_interactions_are_refused_before_training() -> None:
    for model in ("EASE", "SASRec"):
        with pytest.raises(ConfigError, match=f"{model} knows items by their interactions alone"):
            read_model_config(model, [], {"split": "cold_items"})
    for model in ("Random", "Pop", "PersonalTopK"):
        assert read_model_config(model, [], {"split": "cold_items"})[1]["split"] == "cold_items"
    assert read_model_config("EASE", [], {"split": "cold_users"})[1]["same_history"] is True


def test_runs_of_drawn_splits_say_so_and_read_what_they_may(quick: dict[str, Any], tmp_path: Path) -> None:
    lines: list[str] = []
    own = {**quick, "split": "k_fold", "folds": 4, "fold": 3, "epochs": 1}
    folded = train("SASRec", overrides=own, output=tmp_path / "folded", report=lines.append)
    said = "split k_fold (3 of 4)"
    assert said in protocol_line(folded.metrics)
    assert any(said in line for line in lines)
    assert "every model reads a user's training items" in protocol_line(folded.metrics)
    data = open_model(tmp_path / "folded").data
    batch = next(iter(data.test))
    for user, window in zip(batch.users, batch.interaction["item_id_list"].tolist(), strict=True):
        start, stop = (edge[user] for edge in data.split.period(TRAIN))
        assert [item for item in window if item] == data.split.interactions.items[start:stop][-8:].tolist()

    cold = {
        **quick,
        "split": "cold_items",
        "split_ratio": [0.4, 0.3, 0.3],
        "topk": [5],
        "valid_metric": "NDCG@5",
    }
    whole = train("Random", overrides=cold, output=tmp_path / "whole")
    among = train("Random", overrides={**cold, "candidates": {"kind": "cold"}}, output=tmp_path / "cold")
    assert whole.metrics["protocol"]["cold_targets"] == 1.0
    assert among.test.means["hit@5"] > whole.test.means["hit@5"]
    assert "COLD ITEMS ONLY" in protocol_line(among.metrics)
    counts = open_model(tmp_path / "cold").data.split.train_counts()
    assert (counts[among.test.items] == 0).all()
    longer = {**cold, "candidates": {"kind": "cold"}, "topk": [15], "valid_metric": "NDCG@15"}
    with pytest.raises(DataError, match="leaves 12 items to rank, but topk asks for 15"):
        train("Random", overrides=longer, output=tmp_path / "longer")


def test_a_cold_user_is_scored_by_the_history_alone(quick: dict[str, Any], tmp_path: Path) -> None:
    own = {**quick, "split": "cold_users", "cold_history": 4, "epochs": 1}
    for model in ("EASE", "BPR", "Caser", "UserKNN", "MultiVAE"):
        result = train(model, overrides=own, output=tmp_path / model)
        assert result.metrics["users"]["test"] == 6  # a tenth of 60
        opened = open_model(tmp_path / model)
        batch = next(iter(opened.data.test))
        opened.trainer.begin(opened.data.test)
        before = opened.trainer.scores_of(batch)
        for name, table in opened.trainer.model.named_parameters():
            if "user" in name and len(table) == opened.data.dataset.user_num:
                table.data[batch.users] += 100  # what was never trained on is never read
        opened.trainer.begin(opened.data.test)
        np.testing.assert_allclose(
            opened.trainer.scores_of(batch).numpy(), before.numpy(), rtol=1e-4, atol=1e-4
        )


def test_folds_share_a_cache_of_interactions_but_not_their_order(quick: dict[str, Any]) -> None:
    cache = DataCache()
    for keys in ({"split": "k_fold", "fold": 1}, {"split": "k_fold", "fold": 2}, {"split": "leave_one_out"}):
        config = build_config("Pop", None, (), {**quick, **keys})
        alone = prepare_data(config).split
        shared = prepare_data(config, cache).split
        np.testing.assert_array_equal(shared.interactions.items, alone.interactions.items)
        np.testing.assert_array_equal(shared.phase, alone.phase)
