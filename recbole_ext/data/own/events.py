"""The interactions of a table: encoded while they are read, then ordered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from recbole_ext.data.atomic_reader import Columns, Tokens
from recbole_ext.data.ordering import TieBreak, order_interactions, token_ranks
from recbole_ext.data.own.tables import RowFaultError, Table, no_rows
from recbole_ext.data.own.times import Clock, Times, TimeUnit
from recbole_ext.data.own.tokens import check_tokens, token_column

__all__ = ["EventColumns", "Events", "Repeats", "read_events"]

Repeats = Literal["keep", "first", "last"]

_SECONDS_OF_SILENCE = 2.0
_PIECE_ROWS = 2**20


@dataclass(frozen=True)
class EventColumns:
    """The columns of a table of interactions.

    Attributes:
        user, item: Of the tokens.
        time: None where the order of the rows takes the place of times.
        rating: None where an interaction is all that is known.
    """

    user: str
    item: str
    time: str | None
    rating: str | None

    def names(self) -> list[str]:
        """Those that are read."""
        return [name for name in (self.user, self.item, self.time, self.rating) if name is not None]


@dataclass(frozen=True)
class Events:
    """Interactions by user, exact time and tie-break.

    Attributes:
        columns: The interactions; tokens are in the order of numbers where all are numbers, else of text.
        rated: Whether the table has ratings.
        time_words: What the times are.
        rows: Rows of the table.
        repeats: Rows whose user had the item in an earlier row.
    """

    columns: Columns
    rated: bool
    time_words: str
    rows: int
    repeats: int

    def frame(self) -> pl.DataFrame:
        """Numbers of users and times in order, for the share of ties."""
        return pl.DataFrame({"user_id": self.columns.users, "timestamp": self.columns.times})

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The rows of the ``.inter`` file, some at a time, so that their text is never all in memory."""
        data = self.columns
        for start in range(0, len(data), _PIECE_ROWS):
            rows = slice(start, start + _PIECE_ROWS)
            piece = {
                "user_id": data.user_tokens.gather(data.users[rows]),
                "item_id": data.item_tokens.gather(data.items[rows]),
                "rating": pl.Series(data.ratings[rows]),
                "timestamp": pl.Series(data.times[rows]),
            }
            yield pl.DataFrame({name: piece[name] for name in piece if self.rated or name != "rating"})


def read_events(
    table: Table,
    names: EventColumns,
    *,
    unit: TimeUnit | None = None,
    tie_break: TieBreak = "file",
    seed: int = 2020,
    repeats: Repeats = "keep",
    say: Callable[[str], object],
) -> Events:
    """Reads, checks and orders all interactions; a token is held once.

    Args:
        table: The table.
        names: Its columns.
        unit: The unit of times that are numbers; found out if None.
        tie_break: Order of equal times of one user: ``file`` as in the table, or ``random``.
        seed: Seed of the random order.
        repeats: What to do with an item that a user has several times: keep all, the first or the last.
        say: Is told how far it is.

    Raises:
        DataError: A row cannot be used, the table is damaged, or has no rows.
    """
    users, items, clock = Tokens(), Tokens(), Clock(unit, table.row_place)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    rows, spoken = 0, time.monotonic()
    try:
        for piece in table.pieces(names.names()):
            if not piece.height:
                continue
            codes = [
                _encoded(piece[name], what, rows, tokens)
                for name, what, tokens in ((names.user, "user", users), (names.item, "item", items))
            ]
            if names.time is not None:
                clock.add(piece[names.time])
            parts.append((codes[0], codes[1], _ratings(piece, names.rating, rows)))
            rows += piece.height
            if time.monotonic() - spoken > _SECONDS_OF_SILENCE:
                spoken = time.monotonic()
                say(f"{table.origin}: {rows:,} rows read")
        if not rows:
            raise no_rows(table)
        order = np.arange(rows, dtype=np.int64)
        times = clock.finish() if names.time is not None else Times(order, order, "the order of the rows")
    except RowFaultError as fault:
        raise table.fault(fault) from None
    user, item, rating = (np.concatenate(column) for column in zip(*parts, strict=True))
    parts.clear()
    say(f"{table.origin}: {rows:,} rows read; ordering them")
    columns = Columns(user, item, rating, times.seconds, users.series(), items.series())
    return _ordered(columns, times, names.rating is not None, (tie_break, seed), repeats)


def _encoded(column: pl.Series, what: str, row: int, tokens: Tokens) -> np.ndarray:
    found = token_column(column, what, row)
    before = len(tokens)
    codes = tokens.encode(found)
    # Only what is new can be wrong, and then it is worth a look at every row.
    if len(tokens) > before:
        check_tokens(found, what, row)
    return codes


def _ratings(piece: pl.DataFrame, name: str | None, row: int) -> np.ndarray:
    """``(n,) float32``, 1 where there are none."""
    if name is None:
        return np.ones(piece.height, dtype=np.float32)
    column = piece[name]
    if column.dtype != pl.String and not column.dtype.is_numeric():
        raise RowFaultError(row, f"the rating is of type {column.dtype}; give numbers")
    text = column.str.strip_chars() if column.dtype == pl.String else column
    values = text.cast(pl.Float64, strict=False).cast(pl.Float32, strict=False)
    bad = ~values.is_finite().fill_null(False)
    if bad.any():
        first = int(bad.arg_max() or 0)
        value = column[first]
        missing = value is None or not str(value).strip()
        words = (
            "the rating is missing; fill it in, remove the row"
            if missing
            else f"the rating {str(value)[:60]!r} is not a finite number; correct it"
        )
        raise RowFaultError(row + first, f"{words}, or leave all ratings out with --implicit")
    return values.to_numpy()


def _ordered(
    columns: Columns, times: Times, rated: bool, ties: tuple[TieBreak, int], repeats: Repeats
) -> Events:
    user_place, user_tokens = token_ranks(columns.user_tokens)
    item_place, item_tokens = token_ranks(columns.item_tokens)
    frame = pl.DataFrame(
        {
            "user_id": user_place[columns.users],
            "item_id": item_place[columns.items],
            "rating": columns.ratings,
            "timestamp": times.exact,
            "seconds": times.seconds,
        }
    )
    rows = frame.height
    ordered = order_interactions(frame, *ties).drop("timestamp")
    key = ordered["user_id"].to_numpy().astype(np.int64) * len(item_tokens) + ordered["item_id"].to_numpy()
    repeated = rows - pl.Series(key).n_unique()
    if repeats != "keep" and repeated:
        chosen = _first_of_each(key) if repeats == "first" else _first_of_each(key[::-1])[::-1]
        ordered = ordered.filter(pl.Series(chosen))
    found = Columns(
        ordered["user_id"].to_numpy().astype(np.int32),
        ordered["item_id"].to_numpy().astype(np.int32),
        ordered["rating"].to_numpy(),
        ordered["seconds"].to_numpy(),
        user_tokens,
        item_tokens,
    )
    return Events(found, rated, times.words, rows, repeated)


def _first_of_each(key: np.ndarray) -> np.ndarray:
    """``(N,) bool``: the first row of each key."""
    first = np.zeros(len(key), dtype=bool)
    first[np.unique(key, return_index=True)[1]] = True
    return first
