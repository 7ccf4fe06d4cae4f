"""No tag is known that was given after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recbole_ext.data.content.tags import tags_in_training
from recbole_ext.data.interactions import Split, read_interactions, split_interactions
from recbole_ext.errors import DataError
from tests.conftest import write_inter

ROWS = [
    ("u1", "a", 4.0, 10),
    ("u1", "b", 4.0, 20),
    ("u1", "c", 4.0, 30),
    ("u2", "a", 4.0, 5),
    ("u2", "b", 4.0, 40),
]
HEADER = "user_id\titem_id\ttag\ttimestamp"


def split_of(folder: Path, kind: str = "leave_one_out") -> Split:
    data = read_interactions(write_inter(folder, "toy", ROWS))
    return split_interactions(data, kind, [0.4, 0.3, 0.3])


def read(folder: Path, uses: list[str], kind: str = "leave_one_out") -> tuple[dict[str, list[str]], int]:
    path = folder / "toy.tags"
    path.write_text("\n".join([HEADER, *uses]) + "\n", encoding="utf-8")
    split = split_of(folder, kind)
    found, left_out = tags_in_training(path, split, "one" if kind == "global_time" else "each")
    assert found[0] == []
    tokens = split.interactions.item_tokens
    return {tokens[place]: row for place, row in enumerate(found) if row}, left_out


def test_a_tag_counts_before_the_first_held_out_interaction(tmp_path: Path) -> None:
    """u1 trains on a, and b and c are held out; u2 has two interactions, which are training; u9 is not in the data."""
    uses = [
        "u1\ta\tearly\t19",
        "u1\ta\tlate\t20",
        "u1\tc\ttarget\t1",  # on a held-out item, before its interaction
        "u2\tb\tmine\t99",
        "u9\tb\tstranger\t99",
        "u1\tz\tgone\t1",  # not in the catalogue
    ]
    found, left_out = read(tmp_path, uses)
    assert found == {"a": ["early"], "b": ["mine", "stranger"]}
    assert left_out == 2


def test_one_point_in_time_holds_for_everybody(tmp_path: Path) -> None:
    uses = ["u1\ta\tearly\t4", "u2\ta\tlate\t99", "u9\tb\tstranger\t99", "u9\tb\tknown\t4"]
    found, left_out = read(tmp_path, uses, "global_time")
    assert found == {"a": ["early"], "b": ["known"]}
    assert left_out == 2


def test_later_tags_change_nothing(tmp_path: Path) -> None:
    uses = ["u1\ta\tearly\t5", "u2\tb\tmine\t6"]
    before, _ = read(tmp_path, uses)
    after, _ = read(tmp_path, [*uses, *(f"u1\t{item}\tspoiler{n}\t{30 + n}" for n, item in enumerate("abc"))])
    assert before == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "nobody knows when they were given: prepare the set again"),
        ("item_id\ttag\n", "must have the columns user_id, item_id, tag, timestamp"),
        (f"{HEADER}\nu1\ta\n", "line 2"),
        (f"{HEADER}\nu1\ta\tgood\tsoon\n", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    split = split_of(tmp_path)
    path = tmp_path / "toy.tags"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        tags_in_training(path, split)
    assert np.count_nonzero(split.phase) == 2


def test_a_split_without_time_leaves_out_held_out_pairs_alone(tmp_path: Path) -> None:
    path = tmp_path / "toy.tags"
    path.write_text(f"{HEADER}\nu1\ta\tlate\t99\nu1\tc\ttarget\t1\n", encoding="utf-8")
    found, left_out = tags_in_training(path, split_of(tmp_path), "none")
    assert [row for row in found if row] == [["late"]]
    assert left_out == 1
