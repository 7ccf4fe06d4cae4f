"""Lists as files: block by block, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recbole_ext.errors import ConfigError, DataError, OutputError
from recbole_ext.recommend.writing import check_output, write_recommendations

FIRST = pl.DataFrame(
    {"user": ["a", "a"], "rank": [1, 2], "title": ["Tom, Dick", 'The "Cut"'], "score": [2.0, 1.5]}
)
SECOND = pl.DataFrame({"user": ["b"], "rank": [1], "title": ["Été"], "score": [0.25]})


@pytest.mark.parametrize("name", ["lists.parquet", "new/lists.csv"])
def test_blocks_become_one_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert write_recommendations(path, iter([FIRST, SECOND])) == 3
    read = pl.read_csv(path, glob=False) if path.suffix == ".csv" else pl.read_parquet(path, glob=False)
    assert_frame_equal(read, pl.concat([FIRST, SECOND]))


@pytest.mark.parametrize("name", ["lists.parquet", "lists.csv"])
def test_a_block_that_fails_leaves_nothing(tmp_path: Path, name: str) -> None:
    def blocks() -> Iterator[pl.DataFrame]:
        yield FIRST
        raise DataError("the second block")

    with pytest.raises(DataError, match="the second block"):
        write_recommendations(tmp_path / name, blocks())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    taken, file = tmp_path / "taken.csv", tmp_path / "file"
    for path in (taken, file):
        path.write_text("mine", encoding="utf-8")
    for path, kind, words in (
        (tmp_path / "lists.txt", ConfigError, "ends in .txt"),
        (tmp_path / "lists", ConfigError, "ends in nothing"),
        (taken, OutputError, "exists already"),
        (file / "lists.csv", OutputError, "is a file"),
    ):
        with pytest.raises(kind, match=words):
            check_output(path)
    assert taken.read_text(encoding="utf-8") == "mine"
