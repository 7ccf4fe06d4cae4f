from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.data.interactions import (
    TEST,
    TRAIN,
    VALID,
    Interactions,
    read_interactions,
    split_interactions,
)
from recbole_ext.errors import ConfigError, DataError
from tests.conftest import write_inter


def build(rows: list[tuple[int, int, int]]) -> Interactions:
    """Interactions of ``(user from 1, item from 1, time)`` in the given order, without a file."""
    rows = sorted(rows, key=lambda row: (row[0], row[2]))
    users, items, times = (np.array(column) for column in zip(*rows, strict=True))
    counts = np.bincount(users)
    tokens = [
        np.array(["[PAD]", *map(str, range(1, top + 1))], dtype=object) for top in (users.max(), items.max())
    ]
    return Interactions(
        *tokens, np.concatenate([[0], np.cumsum(counts)]), items.astype(np.int32), times, np.ones(len(rows))
    )


def test_time_stamps_closer_than_float32_can_tell_keep_their_order(inter):
    # 1_000_000_000 and 1_000_000_001 are one number in float32, whose step is 64 there
    path = inter(
        [("u", "late", 3, 1_000_000_001), ("u", "early", 3, 1_000_000_000), ("u", "last", 3, 1_000_000_002)]
    )
    data = read_interactions(path)
    assert data.item_tokens[data.items].tolist() == ["early", "late", "last"]
    assert data.times.tolist() == [1_000_000_000, 1_000_000_001, 1_000_000_002]


def test_equal_time_stamps_keep_the_order_of_the_file(inter):
    path = inter([("u", item, 3, 7) for item in ("c", "a", "b")])
    data = read_interactions(path)
    assert data.item_tokens[data.items].tolist() == ["c", "a", "b"]


def test_random_tie_break_is_seeded_and_leaves_other_order_alone(inter):
    rows = [("u", f"i{k}", 3, 7) for k in range(30)] + [("u", "last", 3, 8)]
    path = inter(rows)
    one, same, other = (read_interactions(path, tie_break="random", seed=seed) for seed in (1, 1, 2))
    assert one.items.tolist() == same.items.tolist() != other.items.tolist()
    assert one.item_tokens[one.items[-1]] == other.item_tokens[other.items[-1]] == "last"


def test_k_core_is_repeated_until_it_holds(inter):
    # item z has 2 interactions only while user w is there; w goes, then z, then v
    rows = [(user, item, 3, time) for user in "ab" for time, item in enumerate("xy")]
    rows += [("v", "x", 3, 1), ("v", "z", 3, 2), ("w", "z", 3, 1)]
    data = read_interactions(inter(rows), min_user_interactions=2, min_item_interactions=2)
    assert data.user_tokens.tolist() == ["[PAD]", "a", "b"]
    assert data.item_tokens.tolist() == ["[PAD]", "x", "y"]
    assert data.dropped == 3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_k_core_equals_one_computed_item_by_item(tmp_path_factory, pairs, least_user, least_item):
    folder = tmp_path_factory.mktemp("core")
    path = write_inter(folder, "toy", [(f"u{u}", f"i{i}", 3, t) for t, (u, i) in enumerate(pairs)])
    left = list(pairs)
    while True:
        by_user, by_item = defaultdict(int), defaultdict(int)
        for u, i in left:
            by_user[u] += 1
            by_item[i] += 1
        still = [(u, i) for u, i in left if by_user[u] >= least_user and by_item[i] >= least_item]
        if len(still) == len(left):
            break
        left = still
    if not left:
        with pytest.raises(DataError, match="leaves nobody"):
            read_interactions(path, min_user_interactions=least_user, min_item_interactions=least_item)
        return
    data = read_interactions(path, min_user_interactions=least_user, min_item_interactions=least_item)
    found = sorted(
        (data.user_tokens[u], data.item_tokens[i]) for u, i in zip(data.users, data.items, strict=True)
    )
    assert found == sorted((f"u{u}", f"i{i}") for u, i in left)


def test_rating_threshold_keeps_equal_and_above(inter):
    data = read_interactions(
        inter([("u", "a", 3.5, 1), ("u", "b", 4.0, 2), ("u", "c", 4.5, 3)]), rating_threshold=4.0
    )
    assert data.item_tokens.tolist() == ["[PAD]", "b", "c"]


def test_leave_one_out_holds_out_the_last_two():
    split = split_interactions(
        build([(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 4), (2, 1, 1), (2, 2, 2)]), "leave_one_out"
    )
    assert split.phase.tolist() == [TRAIN, TRAIN, VALID, TEST, TRAIN, TRAIN]
    assert split.before(TEST)[1].tolist() == [0, 3, 6]


def test_ratio_takes_each_users_last_parts():
    split = split_interactions(build([(1, item, item) for item in range(1, 11)]), "ratio", [0.6, 0.2, 0.2])
    assert split.phase.tolist() == [TRAIN] * 6 + [VALID] * 2 + [TEST] * 2


def test_global_time_cuts_all_users_at_the_same_points():
    rows = [(1, k, k) for k in range(1, 6)] + [(2, k, k + 5) for k in range(1, 6)]
    split = split_interactions(build(rows), "global_time", [0.8, 0.1, 0.1])
    # ten time stamps 1..10: training is 1..8, validation 9, test 10
    assert split.phase.tolist() == [TRAIN] * 8 + [VALID, TEST]


def test_tie_share_counts_users_whose_border_is_a_tie():
    rows = [
        (1, 1, 1),
        (1, 2, 5),
        (1, 3, 5),
        (2, 1, 1),
        (2, 2, 2),
        (2, 3, 3),
        (3, 1, 1),
        (3, 2, 1),
        (3, 3, 9),
        (3, 4, 10),
    ]
    # user 1: validation and test at time 5; user 3: its tie lies inside training
    assert split_interactions(build(rows), "leave_one_out").tie_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("user_id:token\titem_id:token\ttimestamp:float\n", "no interaction"),
        ("user_id:token\titem_id:token\n1\t2\n", "no column 'timestamp' in line 1"),
        (
            "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3\n1\t3\tnoon\n",
            "line 3: timestamp is 'noon'",
        ),
        ("user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3.5\n", "line 2: timestamp is '3.5'"),
        (
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\tNaN\t3\n",
            "line 2: rating is 'NaN'",
        ),
        ("user_id:token\titem_id:token\ttimestamp:float\n\t2\t3\n", "line 2: user_id is None"),
        (
            "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3\t4\t5\n",
            "line 2: it has 5 fields, but line 1 has 3",
        ),
    ],
)
def test_malformed_files_are_named_with_their_line(tmp_path, text, message):
    path = tmp_path / "bad.inter"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_interactions(path)
    assert str(path) in str(caught.value)


def test_byte_order_mark_and_crlf_are_read(tmp_path):
    path = tmp_path / "windows.inter"
    path.write_bytes(
        b"\xef\xbb\xbfuser_id:token\titem_id:token\trating:float\ttimestamp:float\r\n1\t2\t3\t4\r\n"
    )
    data = read_interactions(path)
    assert (data.user_tokens[1], data.item_tokens[1], data.times[0]) == ("1", "2", 4)


def test_unknown_split_and_tie_break_are_refused(inter):
    path = inter([("u", "a", 3, 1)])
    with pytest.raises(ConfigError, match="tie_break"):
        read_interactions(path, tie_break="newest")
    with pytest.raises(ConfigError, match="leave_one_out, ratio, global_time, k_fold"):
        split_interactions(build([(1, 1, 1)]), "random")
    with pytest.raises(ConfigError, match="three shares"):
        split_interactions(build([(1, 1, 1)]), "ratio", [0.8, 0.2])
    with pytest.raises(DataError, match="no validation interaction"):
        split_interactions(build([(1, 1, 1)]), "leave_one_out")


def test_exact_order_on_the_real_file_user_by_user(movielens_small: Path, tmp_path: Path):
    with (movielens_small / "ratings.csv").open(encoding="utf-8") as file:
        raw = [
            (row["userId"], row["movieId"], float(row["rating"]), int(row["timestamp"]))
            for row in csv.DictReader(file)
        ]
    expected: dict[str, list[str]] = defaultdict(list)
    for user, item, _, _ in sorted(raw, key=lambda row: (int(row[0]), row[3])):
        expected[user].append(item)
    data = read_interactions(write_inter(tmp_path, "real", raw))
    assert len(data) == 100_836
    for user in range(1, data.n_users):
        row = slice(data.indptr[user], data.indptr[user + 1])
        assert data.item_tokens[data.items[row]].tolist() == expected[data.user_tokens[user]]
