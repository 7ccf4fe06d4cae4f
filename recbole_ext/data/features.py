"""Item features: titles for display and genres for diversity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.data.atomic_reader import check_fields, column_names
from recbole_ext.errors import DataError

__all__ = [
    "FEATURE_COLUMNS",
    "check_loaded",
    "genre_matrix",
    "missing_words",
    "read_items",
    "titles",
    "titles_and_years",
]

_TITLES = ("title", "movie_title")
_YEAR = "release_year"

FEATURE_COLUMNS = {
    "genres": ("genres", "class"),  # as RecBole's ml-100k calls them
    "year": (_YEAR,),
    "text": (*_TITLES, "overview", "plot", "description", "text"),
    "genome": ("genome",),
}
"""The columns of an items' file that each name of ``item_features`` is made from."""


def read_items(path: Path) -> pl.DataFrame | None:
    """Reads an atomic ``.item`` file as text columns without type suffixes; None if the file does not exist.

    Raises:
        DataError: It cannot be read, lacks item_id, or names a column or an item twice.
    """
    if not path.is_file():
        if path.exists() or path.is_symlink():
            raise DataError(f"{path} is no file: put the items' file there, or remove it")
        return None
    names = column_names(path)
    if "item_id" not in names:
        raise DataError(f"{path} has no column item_id: fix it or remove it")
    try:
        text = path.read_bytes()
        frame = pl.read_csv(text, separator="\t", quote_char=None, infer_schema=False, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}): fix it or remove it") from error
    _check_lines(text, len(names), path)
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    token = frame["item_id"]
    bad = (token.is_null() | (token.str.strip_chars() == "")) & ~blank
    if bad.any():
        raise DataError(f"{path}, line {(bad.arg_max() or 0) + 2}: the item has no token: correct the line")
    frame = frame.filter(~blank)
    again = frame["item_id"].filter(frame["item_id"].is_duplicated())
    if len(again):
        raise DataError(f"{path} has the item {again[0]} twice: remove one of its lines")
    return frame


def check_loaded(config: Any) -> None:
    """Compares the columns that a configuration names with the headers of the users' and the items' file.

    Args:
        config: The merged configuration.

    Raises:
        DataError: A file, or a column of it, is missing, or a header gives no types.
    """
    for source, columns in (config["load_col"] or {}).items():
        if source == "inter":
            continue
        path = Path(config["data_path"]) / f"{config['dataset']}.{source}"
        if not path.is_file():
            raise DataError(
                f"load_col names columns of {source}, but {path} does not exist: leave {source} out"
            )
        names = column_names(path, typed=True)
        for name in () if columns == "*" else columns:
            if name not in names:
                raise DataError(
                    f"load_col names the column {name!r} of {source}, but {path} has {', '.join(names)}: name "
                    "one of these"
                )


def _check_lines(text: bytes, fields: int, path: Path) -> None:
    """Refuses a NUL byte, and a line with another number of fields than the header."""
    if (place := text.find(b"\0")) >= 0:
        line = text.count(b"\n", 0, place) + 1
        raise DataError(f"{path}, line {line}: it has a NUL byte: correct the line, or remove the file")
    _, _, rows = text.partition(b"\n")
    if rows:
        check_fields(rows, fields, path)


def titles(path: Path) -> pl.DataFrame | None:
    """Reads ``item_id`` and ``title``; None if the data set has no titles."""
    found = titles_and_years(path)
    return None if found is None else found.select("item_id", "title")


def titles_and_years(path: Path) -> pl.DataFrame | None:
    """Reads ``item_id``, ``title`` and ``year``, null where it is unknown; None if the data set has no titles."""
    frame = read_items(path)
    column = None if frame is None else next((name for name in _TITLES if name in frame.columns), None)
    if frame is None or column is None:
        return None
    year = pl.col(_YEAR) if _YEAR in frame.columns else pl.lit(None, dtype=pl.String)
    return frame.select("item_id", title=pl.col(column), year=year)


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


def missing_words(path: Path) -> str:
    """How many items of an items' file lack each feature, in words; an empty text if there are no features.

    Args:
        path: The ``.item`` file; it need not exist.

    Raises:
        DataError: As :func:`read_items`.
    """
    frame = read_items(path)
    found = []
    for name, columns in {**FEATURE_COLUMNS, "tags": ("tags",)}.items():
        there = [
            pl.col(column).is_not_null() & (pl.col(column) != "")
            for column in columns
            if frame is not None and column in frame.columns
        ]
        if frame is not None and there:
            lacking = frame.height - int(frame.select(pl.any_horizontal(there).sum()).item())
            found.append(f"{name} {lacking:,}")
    return f"without {', '.join(found)} of {frame.height:,} items" if frame is not None and found else ""
