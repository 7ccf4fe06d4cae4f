"""Anybody's tables of users and items: a DataFrame of either library, or a file, as plain polars columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_ext.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    Table = pl.DataFrame | pd.DataFrame | str | Path

__all__ = ["COLUMNS", "opened_table"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userId", "userid", "uid", "visitorid"),
    "item": ("item", "item_id", "itemId", "itemid", "iid", "movieId", "movie_id"),
    "time": ("time", "timestamp", "datetime"),
    "rank": ("rank",),
    "score": ("score", "prediction", "weight"),
    "genres": ("genres", "genre"),
}
"""The names under which a column is found unless it is named."""


def opened_table(
    table: Table,
    what: str,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Reads a table and names its columns by role.

    Args:
        table: A pandas or polars DataFrame, or a parquet or csv file.
        what: What the table is, for messages, such as ``train``.
        needed, optional: Roles of ``COLUMNS``.
        columns: The column of a role, where its name is another one.

    Returns:
        The columns of the roles that were found; users and items as text.

    Raises:
        DataError: It cannot be read, is empty, or lacks a column or a value.
    """
    import polars as pl

    frame = _frame(table, what)
    found = {role: _column(frame, what, role, columns or {}, role in needed) for role in (*needed, *optional)}
    chosen = frame.select(pl.col(name).alias(role) for role, name in found.items() if name)
    if not chosen.height:
        raise DataError(f"{what} has no row: give at least one")
    for role in (*needed, *optional):
        if found[role] and role != "genres" and chosen[role].null_count():
            row = int(chosen[role].is_null().arg_max() or 0)
            raise DataError(f"{what} has no {role} in row {row + 1}: fill it in or drop the row")
    names = [role for role in ("user", "item") if found.get(role)]
    return chosen.with_columns(_as_token(chosen[name], what) for name in names)


def _frame(table: Any, what: str) -> pl.DataFrame:
    import polars as pl

    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, (str, Path)):
        return _file(Path(table).expanduser(), what)
    if type(table).__module__.partition(".")[0] == "pandas":
        return pl.from_pandas(table)
    raise DataError(
        f"{what} is a {type(table).__name__}: give a pandas or polars DataFrame, or a parquet or csv file"
    )


def _file(path: Path, what: str) -> pl.DataFrame:
    import polars as pl

    if not path.is_file():
        raise DataError(f"{what}: {path} does not exist: name a parquet or csv file")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, infer_schema_length=None, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{what}: {path} cannot be read ({reason}): give a parquet or csv file") from error


def _column(
    frame: pl.DataFrame, what: str, role: str, columns: Mapping[str, str], needed: bool
) -> str | None:
    named = columns.get(role)
    if named is not None:
        if named not in frame.columns:
            raise DataError(
                f"{what} has no column {named!r}{nearest(named, frame.columns)} (it has {', '.join(frame.columns)})"
            )
        return named
    found = [name for name in COLUMNS[role] if name in frame.columns]
    if len(found) > 1:
        raise DataError(
            f"{what} has the columns {' and '.join(found)}: say which is the {role} by "
            f"columns={{{role!r}: {found[0]!r}}}"
        )
    if not found and needed:
        raise DataError(
            f"{what} has no column for the {role} (it has {', '.join(frame.columns)}): name it by "
            f"columns={{{role!r}: ...}}"
        )
    return found[0] if found else None


def _as_token(column: pl.Series, what: str) -> pl.Series:
    """Tokens as text, so that the number 7 of one table is the text 7 of another one."""
    import polars as pl

    if column.dtype.is_float():
        # pandas turns a column of numbers with a gap into floats.
        whole = column.cast(pl.Int64, strict=False)
        if not (whole.cast(column.dtype) == column).all():
            raise DataError(f"{what} names a {column.name} by a fraction: give whole numbers or text")
        column = whole
    if column.dtype == pl.Object or column.dtype.is_nested():
        raise DataError(f"{what} names a {column.name} by {column.dtype}: give whole numbers or text")
    return column.cast(pl.String)
