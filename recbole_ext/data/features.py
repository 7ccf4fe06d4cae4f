"""Item features: titles for display and genres for diversity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from recbole_ext.data.atomic_reader import column_names

__all__ = ["genre_matrix", "read_items", "titles"]

_TITLES = ("title", "movie_title")


def read_items(path: Path) -> pl.DataFrame | None:
    """Reads an atomic ``.item`` file as text columns without type suffixes; None if the file does not exist.

    Raises:
        DataError: It is empty or not text, or two columns have the same name.
    """
    if not path.is_file():
        return None
    names = column_names(path)
    frame = pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False, glob=False)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def titles(path: Path) -> pl.DataFrame | None:
    """Reads ``item_id`` and ``title``; None if the data set has no titles."""
    frame = read_items(path)
    column = None if frame is None else next((name for name in _TITLES if name in frame.columns), None)
    return None if frame is None or column is None else frame.select("item_id", title=pl.col(column))


def genre_matrix(path: Path, item_tokens: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Reads the genres of the filtered catalogue.

    Args:
        path: The ``.item`` file, with a column ``genres`` of names separated by spaces.
        item_tokens: ``(n_items,)`` tokens by internal id; 0 is padding.

    Returns:
        ``(n_items, G) float32`` of 0 and 1, and the G names in alphabetical order; None without such a column.
    """
    frame = read_items(path)
    if frame is None or not {"item_id", "genres"} <= set(frame.columns):
        return None
    known = pl.DataFrame({"item_id": item_tokens.astype(str), "id": np.arange(len(item_tokens))})
    pairs = (
        frame.select("item_id", genre=pl.col("genres").str.split(" "))
        .explode("genre")
        .filter(pl.col("genre").is_not_null() & (pl.col("genre") != ""))
        .join(known, on="item_id")
    )
    names = tuple(sorted(pairs["genre"].unique().to_list()))
    if not names:
        return None
    column = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(item_tokens), len(names)), dtype=np.float32)
    matrix[pairs["id"].to_numpy(), [column[name] for name in pairs["genre"].to_list()]] = 1
    matrix[0] = 0
    return matrix, names
