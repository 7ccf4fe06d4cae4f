"""Histories out of order: what moves, what stays, and what the time stamps say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.data.interactions import TEST, TRAIN, Interactions, interactions_of, split_interactions
from recbole_ext.data.order_statistics import order_statistics, target_is_tied
from recbole_ext.data.shuffle import SHUFFLES, shuffled
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.conftest import write_inter


def made(histories: list[list[tuple[int, int]]]) -> Interactions:
    """Interactions of ``(item, time)`` rows, one list a user."""
    rows = [row for history in histories for row in history]
    lengths = [0, *(len(history) for history in histories)]
    items = np.array([item for item, _ in rows], dtype=np.int32)
    return Interactions(
        user_tokens=np.array(["[PAD]", *(f"u{n}" for n in range(len(histories)))], dtype=object),
        item_tokens=np.array(["[PAD]", *map(str, range(1, int(items.max()) + 1))], dtype=object),
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        items=items,
        times=np.array([time for _, time in rows], dtype=np.int64),
        ratings=items.astype(np.float32),
    )


histories = st.lists(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=1, max_size=12).map(
        lambda rows: sorted(rows, key=lambda row: row[1])
    ),
    min_size=1,
    max_size=4,
)


@given(histories, st.sampled_from(SHUFFLES[1:]), st.integers(0, 5))
def test_items_move_inside_their_group_only(
    rows: list[list[tuple[int, int]]], within: str, seed: int
) -> None:
    data, gap = made(rows), 5
    movable = np.ones(len(data), dtype=bool)
    movable[data.indptr[1:] - 1] = False  # the last one of each user is held out
    moved = shuffled(data, movable, within, session_gap=gap, seed=seed)  # type: ignore[arg-type]
    assert (moved.times == data.times).all()
    assert (moved.items[~movable] == data.items[~movable]).all()
    assert (moved.ratings == moved.items).all()
    # groups counted one by one, as the words say
    start = 0
    for row in range(1, len(data) + 1):
        ends = row == len(data) or (
            data.users[row] != data.users[row - 1]
            or not (movable[row] and movable[row - 1])
            or (within == "seconds" and data.times[row] != data.times[row - 1])
            or (within == "sessions" and data.times[row] - data.times[row - 1] > gap)
        )
        if ends:
            assert sorted(moved.items[start:row]) == sorted(data.items[start:row])
            start = row


def test_every_order_of_a_group_occurs() -> None:
    data = made([[(1, 0), (2, 0), (3, 0)]])
    movable = np.ones(3, dtype=bool)
    found = {
        tuple(shuffled(data, movable, "seconds", session_gap=0, seed=seed).items.tolist())
        for seed in range(60)
    }
    assert len(found) == 6


@pytest.mark.parametrize("within", ["none", "sessions", "all"])
def test_a_run_keeps_its_held_out_items_and_its_data(tmp_path: Path, within: str) -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", str(item), 1.0, 1000 * place)
        for user in range(30)
        for place, item in enumerate(rng.permutation(12)[:8])
    ]
    write_inter(tmp_path, "toy", rows)
    keys = {"data_path": str(tmp_path), "dataset": "toy", "topk": [3], "valid_metric": "NDCG@3"}
    keys |= {"min_user_interactions": 1, "min_item_interactions": 1, "history_shuffle": within}
    run = train("SequentialRules", overrides=keys, output=tmp_path / "run").folder
    opened = open_model(run)
    split = opened.data.split
    kept = interactions_of(
        {**dict(opened.config.final_config_dict), "history_shuffle": "none"}, tmp_path / "toy/toy.inter"
    )
    held = split.phase > TRAIN
    assert (split.interactions.items[held] == kept.items[held]).all()
    assert (split.interactions.items[~held] != kept.items[~held]).any() == (within == "all")
    assert (opened.metrics["protocol"].get("history_shuffle", "none")) == within
    # at the test the validation item is one of the history, at any place
    batch = next(iter(opened.data.test))
    windows = batch.interaction[opened.data.dataset.item_id_list_field].numpy()
    stop = split.before(TEST)[1][batch.users]
    for window, user, end in zip(windows, batch.users, stop, strict=True):
        assert sorted(window[window > 0]) == sorted(kept.items[kept.indptr[user] : end])
    last = split.interactions.items[stop - 1]
    places = (windows == last[:, None]).argmax(axis=1)
    assert (places == 6).all() == (within != "all")


def test_facts_by_hand() -> None:
    # user 1: steps of 0, 30 and 700 seconds; user 2: steps of 0, 0 and 0 seconds
    data = made([[(1, 0), (2, 0), (3, 30), (4, 730)], [(4, 100), (3, 100), (2, 100), (1, 100)]])
    split = split_interactions(data, "leave_one_out")
    facts = order_statistics(split, session_gap=600)
    assert facts["equal_seconds"] == pytest.approx(4 / 6)
    assert facts["below_a_minute"] == pytest.approx(5 / 6)
    assert facts["sessions_a_user"] == pytest.approx(1.5)
    assert facts["users_with_one_session"] == pytest.approx(1 / 2)
    assert target_is_tied(split).tolist() == [False, True]
    assert facts["tied_targets"] == pytest.approx(1 / 2)
    assert facts["ascending_ids"] == pytest.approx(1 / 4)
    assert facts["id_correlation"] == pytest.approx(0.0)  # +1 and -1
    # before: user 1: 0, 0, 0, then item 4 has one; user 2: item 4 none, 3, 2 and 1 one each
    first = np.corrcoef([1, 2, 3, 4], [2, 2, 2, 4])[0, 1]
    second = np.corrcoef([1, 2, 3, 4], [1, 3, 3, 3])[0, 1]
    assert facts["popularity_correlation"] == pytest.approx((first + second) / 2)


def test_facts_that_do_not_exist_are_none() -> None:
    data = made([[(1, 0), (2, 10), (3, 20)]])
    data.item_tokens[1] = "a film"
    facts = order_statistics(split_interactions(data, "leave_one_out"), session_gap=600)
    assert facts["ascending_ids"] is facts["id_correlation"] is None
    assert facts["popularity_correlation"] is None  # no item was there before
