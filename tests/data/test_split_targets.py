"""Global time splits: one target of each user and period, cuts by date, what is cold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.cli.show import protocol_line
from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.evidence import evidence_of
from recbole_ext.data.interactions import TEST, TRAIN, VALID, Split, Targets, split_interactions
from recbole_ext.data.statistics import cold_shares
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train
from tests.data.test_interactions import build

CUTS = [10, 20]
# User 1 is there from the start, user 2 comes in the test period, user 3 has nothing there.
ROWS = [
    *((1, item, time) for item, time in ((1, 1), (2, 9), (3, 10), (4, 12), (5, 20), (6, 25), (7, 30))),
    *((2, item, time) for item, time in ((1, 21), (2, 22))),
    *((3, item, time) for item, time in ((2, 3), (1, 11))),
]


def split_of_rows(kept: Targets, rows: list[tuple[int, int, int]] = ROWS) -> Split:
    return split_interactions(build(rows), "global_time", targets=kept, time=CUTS)


def items(split: Split, rows: tuple[np.ndarray, np.ndarray], user: int) -> list[int]:
    return split.interactions.items[rows[0][user] : rows[1][user]].tolist()


@pytest.mark.parametrize(
    ("kept", "targets", "histories"),
    [
        ("all", {1: [5, 6, 7], 2: [1, 2]}, {1: [1, 2, 3, 4], 2: []}),
        ("last", {1: [7], 2: [2]}, {1: [1, 2, 3, 4, 5, 6], 2: [1]}),
        ("first", {1: [5], 2: [1]}, {1: [1, 2, 3, 4], 2: []}),
    ],
)
def test_the_history_is_everything_before_the_target(
    kept: Targets, targets: dict[int, list[int]], histories: dict[int, list[int]]
) -> None:
    split = split_of_rows(kept)
    for user in (1, 2):
        assert items(split, split.targets(TEST), user) == targets[user]
        assert items(split, split.history(TEST), user) == histories[user]
    assert items(split, split.targets(TEST), 3) == []
    assert split.users_with_targets(TEST).tolist() == [1, 2]
    assert split.evaluated_users(TEST).tolist() == ([1, 2] if kept == "last" else [1])
    # User 2 has nothing before the test period; the targets of user 1 were never trained on.
    assert split.cold_users(TEST).tolist() == [2]
    known = {1, 2}
    asked = [item for user in (1, 2) for item in targets[user]]
    assert cold_shares(split) == {
        "cold_users": 0.5,
        "cold_targets": sum(item not in known for item in asked) / len(asked),
    }


def test_metrics_see_the_same_history_and_targets() -> None:
    split = split_of_rows("last")
    found = evidence_of(split, TEST, np.array([1, 2]), head_rule="items_20", genres=None, mask_seen=True)
    assert found.held_out is not None
    assert found.masked is not None
    assert found.profiles is not None
    assert found.held_out[1].tolist() == [7, 2]
    assert found.masked[1].tolist() == [1, 2, 3, 4, 5, 6, 1]
    assert found.profiles[1].tolist() == [1, 2]  # training items only


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(0, 29)), min_size=1, max_size=40),
    st.sampled_from(["all", "last", "first", "random"]),
)
def test_targets_are_those_of_a_plain_loop(rows: list[tuple[int, int, int]], kept: Targets) -> None:
    data = build(rows)
    try:
        split = split_interactions(data, "global_time", targets=kept, time=CUTS)
    except DataError:
        return
    for phase, (low, high) in {TRAIN: (0, 10), VALID: (10, 20), TEST: (20, 99)}.items():
        if phase == TRAIN:
            continue
        (start, stop), history = split.targets(phase), split.history(phase)
        rows_of_phase = []
        for user in range(1, data.n_users):
            own = range(data.indptr[user], data.indptr[user + 1])
            inside = [row for row in own if low <= data.times[row] < high]
            wanted = {"all": inside, "last": inside[-1:], "first": inside[:1]}
            chosen = list(range(start[user], stop[user]))
            rows_of_phase += chosen
            if kept == "random":
                assert set(chosen) <= set(inside)
                assert len(chosen) == bool(inside)
            else:
                assert chosen == wanted[kept]
            if chosen:
                assert list(range(history[0][user], history[1][user])) == [
                    row for row in own if row < chosen[0]
                ]
        assert split.target_rows(phase).tolist() == rows_of_phase


def test_a_random_target_is_drawn_once_and_for_all_and_may_be_any() -> None:
    rows = [(user, item, time) for user in range(1, 60) for item, time in ((1, 1), (2, 11), (3, 21), (4, 22))]
    one, again = split_of_rows("random", rows), split_of_rows("random", rows)
    assert one.target_rows(TEST).tolist() == again.target_rows(TEST).tolist()
    drawn = set(one.interactions.items[one.target_rows(TEST)].tolist())
    assert drawn == {3, 4}


def test_a_tie_with_a_neighbour_decides_the_target() -> None:
    rows = [(1, 1, 1), (1, 2, 11), (1, 3, 21), (1, 4, 21), (2, 1, 1), (2, 2, 11), (2, 3, 21), (2, 4, 22)]
    assert split_of_rows("last", rows).tie_share == split_of_rows("first", rows).tie_share == 0.5
    assert split_of_rows("all", rows).tie_share == 0


def test_a_split_without_a_test_user_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"leaves no test interaction, of those from 1970-01-01 to 1970-01-01"
    ):
        split_interactions(build(ROWS), "global_time", time=[10, 31])
    new = [(1, 1, 1), (1, 2, 11), (2, 1, 21), (2, 2, 22)]
    with pytest.raises(DataError, match="leaves no test user: all 1 with a test item have no interaction"):
        split_of_rows("all", new)
    assert split_of_rows("last", new).evaluated_users(TEST).tolist() == [2]
    with pytest.raises(ConfigError, match="split_targets is 'newest'"):
        split_of_rows("newest")  # type: ignore[arg-type]


def test_a_run_says_its_split_and_reads_the_history_before_its_target(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    # Steps 0 to 5 are training, 6 to 8 validation, 9 to 11 test.
    cuts = ["2001-09-09T01:47:40", 1_000_000_090]
    own = {**quick, "split": "global_time", "split_time": cuts, "split_targets": "last", "epochs": 1}
    lines: list[str] = []
    result = train("SASRec", overrides=own, output=tmp_path / "run", report=lines.append)
    assert result.config["split_time"] == [1_000_000_060, 1_000_000_090]
    protocol = result.metrics["protocol"]
    assert (protocol["split_targets"], protocol["split_time"]) == ("last", [1_000_000_060, 1_000_000_090])
    assert protocol["cold_users"] == protocol["cold_targets"] == 0
    said = (
        "split global_time at 2001-09-09 01:47:40 and 2001-09-09 01:48:10, the last item of each user's period held "
        "out (0.0% of the test users are cold, and so are the items of 0.0% of the targets)"
    )
    assert said in protocol_line(result.metrics)
    assert any("same_history: true lets all of them read it" in line for line in lines)
    assert any(said in line for line in lines)
    batch = next(iter(open_model(tmp_path / "run").data.test))
    assert len(batch.target_items) == len(batch.users)
    assert batch.interaction["item_length"].tolist() == [8] * len(batch.users)  # the window, of 11 items
    last_read = batch.interaction["item_id_list"][:, -1]
    tokens = open_model(tmp_path / "run").data.split.interactions.item_tokens
    for read, target in zip(last_read.tolist(), batch.target_items.tolist(), strict=True):
        # Each user walks a cycle of 20 items.
        assert int(tokens[target][1:]) == (int(tokens[read][1:]) + 1) % 20


def test_a_shuffle_moves_all_of_the_history_and_no_target(quick: dict[str, Any]) -> None:
    points = [1_000_000_060, 1_000_000_090]
    own = {"split": "global_time", "split_time": points, "split_targets": "last", "history_shuffle": "all"}
    plain = prepare_data(build_config("SASRec", None, (), {**quick, **own, "history_shuffle": "none"}))
    mixed = prepare_data(build_config("SASRec", None, (), {**quick, **own}))
    start, stop = mixed.split.history(TEST)
    before, after = plain.split.interactions.items, mixed.test.dataset.interactions.items
    np.testing.assert_array_equal(before[stop[1:]], after[stop[1:]])
    moved = 0
    for user in range(1, 61):
        rows = slice(start[user], stop[user])
        assert sorted(before[rows]) == sorted(after[rows])
        # Steps 9 and 10 are of the test period, and history.
        moved += (before[rows][-2:] != after[rows][-2:]).any()
    assert moved > 30
