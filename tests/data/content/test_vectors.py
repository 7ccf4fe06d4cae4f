"""Vectors of one's own: both forms give the same, and what is wrong with them is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recbole_ext.data.content.vectors import read_vectors
from recbole_ext.errors import DataError

VALUES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def as_npy(folder: Path, values: Any, tokens: str = "a\nb\nc\n") -> Path:
    path = folder / "posters.npy"
    np.save(path, values)
    path.with_suffix(".txt").write_text(tokens, encoding="utf-8")
    return path


def test_every_form_gives_the_same(tmp_path: Path) -> None:
    lists, columns = tmp_path / "lists.parquet", tmp_path / "columns.parquet"
    pl.DataFrame({"item_id": ["a", "b", "c"], "vector": VALUES.tolist()}).write_parquet(lists)
    pl.DataFrame({"item_id": ["a", "b", "c"], "x": VALUES[:, 0], "y": VALUES[:, 1]}).write_parquet(columns)
    for path in (as_npy(tmp_path, VALUES), lists, columns):
        names, values = read_vectors(path)
        assert names == ["a", "b", "c"]
        np.testing.assert_array_equal(values, VALUES)


@pytest.mark.parametrize(
    ("values", "tokens", "message"),
    [
        (VALUES, "a\nb\n", "has 3 rows, but .* has 2 tokens"),
        (VALUES, "a\nb\na\n", "the item a has two vectors"),
        (
            np.where(VALUES == 4, np.nan, VALUES),
            "a\nb\nc\n",
            "the vector of item b holds a number that is missing",
        ),
        (np.where(VALUES == 6, np.inf, VALUES), "a\nb\nc\n", "the vector of item c"),
        (VALUES[:, 0], "a\nb\nc\n", "has the shape \\(3,\\)"),
        (np.array([["x"], ["y"], ["z"]]), "a\nb\nc\n", "give one row of numbers for each item"),
    ],
)
def test_a_wrong_npy_is_named(tmp_path: Path, values: Any, tokens: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(as_npy(tmp_path, values, tokens))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"item_id": ["a", "b", "c"], "v": [[1.0], [1.0, 2.0], [3.0]]},
            "item b has 2 numbers, others have 1",
        ),
        ({"item_id": ["a", "b"], "v": [[1.0], None]}, "item b has 0 numbers|item a has 1 numbers"),
        ({"item_id": ["a", None], "v": [1.0, 2.0]}, "row 1: the item has no token"),
        ({"item_id": ["a", "b"], "v": [1.0, None]}, "the vector of item b holds a number that is missing"),
        ({"item_id": ["a", "b"], "v": ["x", "y"]}, "must have one column of lists, or columns of numbers"),
        ({"item": ["a", "b"], "v": [1.0, 2.0]}, "has no column item_id"),
    ],
)
def test_a_wrong_parquet_is_named(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = tmp_path / "posters.parquet"
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(DataError, match=message):
        read_vectors(path)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which is no file"):
        read_vectors(tmp_path / "posters.npy")
    for name in ("posters.csv", "posters.npy", "posters.parquet"):
        (tmp_path / name).write_text("nothing", encoding="utf-8")
        with pytest.raises(
            DataError, match=r"give a file that ends in|does not exist: write one token|cannot be read"
        ):
            read_vectors(tmp_path / name)
