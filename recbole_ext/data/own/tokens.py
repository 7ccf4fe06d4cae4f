"""Tokens of users and items, checked: a token stands in one field of a line."""

from __future__ import annotations

import polars as pl

from recbole_ext.data.own.tables import RowFaultError

__all__ = ["check_tokens", "token_column"]

_FORBIDDEN = '[\\t\\r\\n\\x00"]'
_PADDING = "[PAD]"


def token_column(column: pl.Series, what: str, row: int) -> pl.Series:
    """A column of tokens as text without spaces around it, or as whole numbers.

    Args:
        column: As read.
        what: ``user`` or ``item``.
        row: Number of the rows before.

    Raises:
        RowFaultError: A value is missing, is no token, or the column has a type that holds none.
    """
    if column.dtype.is_integer():
        found = column
    elif column.dtype == pl.String:
        found = column.str.strip_chars()
    elif column.dtype in (pl.Categorical, pl.Enum):
        found = column.cast(pl.String).str.strip_chars()
    elif column.dtype.is_float():
        # pandas makes whole numbers with gaps into fractions.
        found = column.cast(pl.Int64, strict=False)
        broken = (found.cast(column.dtype) != column).fill_null(False)
        if broken.any():
            bad = int(broken.arg_max() or 0)
            raise RowFaultError(
                row + bad, f"the {what} {column[bad]} is no whole number; give text or whole numbers"
            )
    else:
        raise RowFaultError(row, f"the {what} is of type {column.dtype}; give text or whole numbers")
    empty = found.is_null() if found.dtype != pl.String else (found.is_null() | (found == "")).fill_null(True)
    if empty.any():
        raise RowFaultError(
            row + int(empty.arg_max() or 0), f"the {what} is missing; fill it in or remove the row"
        )
    return found


def check_tokens(column: pl.Series, what: str, row: int) -> None:
    """Refuses text that cannot stand in an atomic file.

    Args:
        column: As :func:`token_column` returns it.
        what, row: As in :func:`token_column`.

    Raises:
        RowFaultError: A token holds a tab, a line break, a NUL or a double quote, or is RecBole's padding.
    """
    if column.dtype != pl.String:
        return
    bad = column.str.contains(_FORBIDDEN) | (column == _PADDING)
    if bad.any():
        first = int(bad.arg_max() or 0)
        value = column[first]
        reason = (
            "is the name of the padding"
            if value == _PADDING
            else "holds a tab, a line break, a NUL or a double quote"
        )
        raise RowFaultError(row + first, f"the {what} {value[:60]!r} {reason}; rename it")
