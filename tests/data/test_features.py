"""Columns of the items' file, and what the configuration asks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_ext.data.features import check_loaded, missing_words, read_items, titles
from recbole_ext.errors import DataError

HEADER = "item_id:token\ttitle:token_seq\tgenres:token_seq\n"
GOOD = HEADER + "i1\tOne film\tDrama\ni2\tAnother\t\n"


def written(folder: Path, text: str, name: str = "toy.item") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("\t", ","), "has the column 'item_id:token,title.* in line 1"),
        (GOOD.replace("title:token_seq", "title:text"), "has the column 'title:text' in line 1"),
        (GOOD.replace("One film", "One\0film"), "line 2: it has a NUL byte"),
        (HEADER.replace("title", "ti\0tle"), r"has the column 'ti\\x00tle:token_seq' in line 1"),
        (GOOD + "i3\tThird\n", "line 4: it has 2 fields, but line 1 has 3"),
        (HEADER + "i0\n" + "i1\tOne\tDrama\n", "line 2: it has 1 field, but line 1 has 3"),
        (GOOD + "i3\tThird\tDrama\tmore\n", "cannot be read|line 4"),
        (GOOD + "\tThird\tDrama\n", "line 4: the item has no token"),
        (GOOD + "  \tThird\tDrama\n", "line 4: the item has no token"),
        (GOOD + "i1\tThird\tDrama\n", "has the item i1 twice"),
        (GOOD.replace("item_id", "film"), "has no column item_id"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=words) as caught:
        read_items(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", [GOOD, GOOD.rstrip("\n"), GOOD.replace("\n", "\r\n"), GOOD + "\n", "\ufeff" + GOOD]
)
def test_a_good_file_is_read(tmp_path: Path, text: str) -> None:
    frame = titles(written(tmp_path, text))
    assert frame is not None
    assert frame.rows() == [("i1", "One film"), ("i2", "Another")]


def test_only_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_items(tmp_path / "toy.item") is None
    (tmp_path / "toy.item").mkdir()
    with pytest.raises(DataError, match=r"toy\.item is no file"):
        read_items(tmp_path / "toy.item")
    (tmp_path / "loop.item").symlink_to("loop.item")
    with pytest.raises(DataError, match=r"loop\.item is no file"):
        read_items(tmp_path / "loop.item")


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (
            {"item": ["item_id", "year"]},
            r"load_col names the column 'year' of item, but .*toy\.item has item_id, t",
        ),
        ({"user": ["user_id", "age"]}, r"load_col names columns of user, but .*toy\.user does not exist"),
    ],
)
def test_a_column_that_no_file_has_is_named(tmp_path: Path, load: dict[str, Any], words: str) -> None:
    written(tmp_path, GOOD)
    config = {"load_col": load, "data_path": str(tmp_path), "dataset": "toy"}
    with pytest.raises(DataError, match=words):
        check_loaded(config)


def test_columns_that_are_loaded_need_a_type(tmp_path: Path) -> None:
    config = {"load_col": {"item": "*"}, "data_path": str(tmp_path), "dataset": "toy"}
    written(tmp_path, GOOD)
    check_loaded(config)
    written(tmp_path, GOOD.replace("title:token_seq", "title"))
    with pytest.raises(DataError, match="has the column 'title' in line 1"):
        check_loaded(config)


def test_what_items_lack_is_counted(tmp_path):
    path = tmp_path / "toy.item"
    assert missing_words(path) == ""
    path.write_text(
        "item_id:token\ttitle:token_seq\trelease_year:token\tgenres:token_seq\ttags:token_seq\n"
        "1\tHeat\t1995\tCrime Drama\tpacino\n2\tUntitled\t\t\t\n3\tSolaris\t1972\t\t\n",
        encoding="utf-8",
    )
    assert missing_words(path) == "without genres 2, year 1, text 0, tags 2 of 3 items"
    path.write_text("item_id:token\n1\n", encoding="utf-8")
    assert missing_words(path) == ""
