"""Vectors of one's own: posters, audio, plots, from ``.npy`` with a file of tokens, or from parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from recbole_ext.errors import DataError

__all__ = ["read_vectors"]


def read_vectors(path: Path, tokens: Path | None = None) -> tuple[list[str], np.ndarray]:
    """Reads vectors of items.

    Args:
        path: ``.npy`` with an array ``(n, F)`` of numbers, or ``.parquet`` with a column ``item_id`` and one column of
            lists, or several of numbers.
        tokens: For ``.npy``: a text file with one token a line, in the same order; the same name with ``.txt`` if None.

    Returns:
        n tokens and ``(n, F) float32``.

    Raises:
        DataError: A file is missing or of another form, the widths differ, a number is missing or infinite, or a
            token occurs twice.
    """
    if not path.is_file():
        raise DataError(f"feature_vectors names {path}, which is no file: give a .npy or .parquet file")
    if path.suffix == ".npy":
        names, values = _from_npy(path, tokens or path.with_suffix(".txt"))
    elif path.suffix == ".parquet":
        names, values = _from_parquet(path)
    else:
        raise DataError(f"feature_vectors names {path}: give a file that ends in .npy or .parquet")
    if len(doubled := pl.Series(names).filter(pl.Series(names).is_duplicated())):
        raise DataError(f"{path}: the item {doubled[0]} has two vectors: leave one out")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{path}: the vector of item {names[wrong[0]]} holds a number that is missing or infinite "
            f"({len(wrong):,} such vectors): mend them or leave them out"
        )
    return names, values


def _from_npy(path: Path, tokens: Path) -> tuple[list[str], np.ndarray]:
    if not tokens.is_file():
        raise DataError(
            f"{path} needs a file with the tokens of its rows, but {tokens} does not exist: write one token a line, or "
            "name the file in feature_tokens"
        )
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): save an array of numbers with numpy.save"
        ) from error
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.shape[1]:
        raise DataError(
            f"{path} has the shape {values.shape} and the type {values.dtype}: give one row of numbers for each item"
        )
    try:
        names = tokens.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{tokens} cannot be read ({error}): write one token a line, as UTF-8 text"
        ) from error
    names = [name.strip() for name in (names[:-1] if names and not names[-1] else names)]
    if len(names) != len(values):
        raise DataError(
            f"{path} has {len(values):,} rows, but {tokens} has {len(names):,} tokens: write one for each"
        )
    return names, values.astype(np.float32)


def _from_parquet(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}): write it as parquet anew") from error
    if "item_id" not in frame.columns:
        raise DataError(f"{path} has no column item_id (found: {', '.join(frame.columns[:12])}): add it")
    names = frame["item_id"].cast(pl.String)
    if names.has_nulls():
        raise DataError(f"{path}, row {names.is_null().arg_max()}: the item has no token: correct the row")
    rest = frame.drop("item_id")
    lists = [name for name, kind in rest.schema.items() if isinstance(kind, (pl.List, pl.Array))]
    if len(lists) == 1:
        return names.to_list(), _from_lists(path, names, rest[lists[0]])
    numbers = [name for name, kind in rest.schema.items() if kind.is_numeric()]
    if lists or not numbers:
        raise DataError(
            f"{path} must have one column of lists, or columns of numbers, beside item_id (found: "
            f"{', '.join(rest.columns[:12]) or 'none'}): write one of these"
        )
    return names.to_list(), rest.select(pl.col(numbers).cast(pl.Float32)).fill_null(np.nan).to_numpy()


def _from_lists(path: Path, names: pl.Series, column: pl.Series) -> np.ndarray:
    rows = column.to_list()
    widths = np.array([-1 if row is None else len(row) for row in rows])
    if not len(widths):
        raise DataError(f"{path} holds no vectors: write one for each item")
    odd = np.flatnonzero(widths != np.bincount(widths + 1).argmax() - 1)
    if len(odd):
        raise DataError(
            f"{path}: the vector of item {names[int(odd[0])]} has {max(widths[odd[0]], 0)} numbers, others have "
            f"{np.bincount(widths + 1).argmax() - 1}: give all the same width"
        )
    try:
        return np.array(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: the column {column.name!r} must hold lists of numbers: {error}") from error
