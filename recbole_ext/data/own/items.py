"""The table of items: titles and genres by token."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recbole_ext.data.files import write_whole
from recbole_ext.data.own.columns import ROLES, find_column, missing_column
from recbole_ext.data.own.tables import RowFaultError, Table, no_rows
from recbole_ext.data.own.tokens import check_tokens, token_column
from recbole_ext.data.place import OPTION
from recbole_ext.data.text import NO_GENRES, clean, join_sequence
from recbole_ext.errors import ConfigError

__all__ = ["ItemColumns", "Items", "find_item_columns", "read_items", "write_items"]

_SEPARATORS = ("|", ",", ";")


@dataclass(frozen=True)
class ItemColumns:
    """The columns of a table of items; title and genre may be None, not both."""

    item: str
    title: str | None
    genre: str | None

    def names(self) -> list[str]:
        """Those that are read."""
        return [name for name in (self.item, self.title, self.genre) if name is not None]


@dataclass(frozen=True)
class Items:
    """Items with titles and genres.

    Attributes:
        frame: ``item_id``, ``title`` and ``genres`` (a list), the last two where the table has them.
        separator: What separates the genres; None where they are lists or one each.
        doubled: Rows that were left out, since an earlier one has their item.
    """

    frame: pl.DataFrame
    separator: str | None
    doubled: int


def find_item_columns(
    table: Table, event_item: str, item: str | None, title: str | None, genre: str | None
) -> ItemColumns:
    """The columns of a table of items.

    Args:
        table: The table.
        event_item: The items' column of the interactions, which this table has under the same name, or another one.
        item: The items' column as the user named it for both tables, or None.
        title, genre: As the user named them, or None.

    Raises:
        DataError: A column is missing or occurs twice.
        ConfigError: Several columns can be meant.
    """
    columns, place = table.columns, table.header
    same = next((name for name in (item, event_item) if name is not None and name in columns), None)
    found = find_column(columns, ROLES["item"], same, place, also=("id",))
    if found is None:
        raise missing_column(
            columns, ROLES["item"], place, f" or call it {event_item!r} as the interactions do"
        )
    names = [
        find_column(columns, ROLES[role], given, place)
        for role, given in (("title", title), ("genre", genre))
    ]
    if names == [None, None]:
        raise ConfigError(
            f"{place} has neither a title nor a genre (found: {', '.join(columns[:12])}): name them with "
            "--title-column and --genre-column"
        )
    if len({found, *names}) < 3:
        raise ConfigError(f"{place}: the column {found!r} can have one role only: name another one")
    return ItemColumns(found, *names)


def read_items(table: Table, names: ItemColumns, separator: str | None) -> Items:
    """Reads all items.

    Args:
        table: The table.
        names: Its columns.
        separator: What separates the genres of an item; found out if None.

    Raises:
        DataError: A row cannot be used, or the table is damaged.
        ConfigError: Several separators of genres occur.
    """
    row, parts = 0, []
    try:
        for piece in table.pieces(names.names()):
            if piece.height:
                parts.append(_checked(piece, names, row))
                row += piece.height
    except RowFaultError as fault:
        raise table.fault(fault) from None
    if not parts:
        raise no_rows(table)
    whole = pl.concat(parts)
    frame = whole.unique("item_id", keep="first", maintain_order=True)
    if names.genre is not None:
        frame, separator = _split_genres(frame, separator, table, names.genre)
    return Items(frame, separator if names.genre else None, whole.height - frame.height)


def _checked(piece: pl.DataFrame, names: ItemColumns, row: int) -> pl.DataFrame:
    tokens = token_column(piece[names.item], "item", row)
    check_tokens(tokens, "item", row)
    found = {"item_id": tokens.cast(pl.String)}
    if names.title is not None:
        title = piece[names.title]
        if title.dtype.is_nested():
            raise RowFaultError(row, f"the title is of type {title.dtype}; give text")
        found["title"] = title.cast(pl.String).fill_null("")
    if names.genre is not None:
        genre = piece[names.genre]
        if isinstance(genre.dtype, pl.List):
            found["genres"] = genre.cast(pl.List(pl.String)).fill_null([])
        elif genre.dtype.is_nested():
            raise RowFaultError(row, f"the genre is of type {genre.dtype}; give text or a list")
        else:
            found["genres"] = genre.cast(pl.String).fill_null("")
    return pl.DataFrame(found)


def _split_genres(
    frame: pl.DataFrame, separator: str | None, table: Table, column: str
) -> tuple[pl.DataFrame, str | None]:
    """Genres as lists, and what separated them."""
    genres = frame["genres"]
    if genres.dtype != pl.String:
        return frame, None
    filled = genres.filter(genres.str.strip_chars() != "")
    if len(filled) and filled.str.contains(r"^\s*\[.*\]\s*$").all():
        with contextlib.suppress(pl.exceptions.PolarsError):
            lists = genres.replace("", "[]").str.json_decode(pl.List(pl.String))
            return frame.with_columns(lists.alias("genres")), None
    separator = separator or _found_separator(genres, table, column)
    split = pl.col("genres").str.split(separator) if separator else pl.concat_list("genres")
    return frame.with_columns(split), separator


def _found_separator(genres: pl.Series, table: Table, column: str) -> str | None:
    used = [one for one in _SEPARATORS if genres.str.contains(one, literal=True).any()]
    if len(used) > 1:
        raise ConfigError(
            f"{table.place}: the column {column!r} holds {' and '.join(map(repr, used))}: say with "
            "--genre-separator which of them separates genres"
        )
    return used[0] if used else None


def _genres(values: Sequence[str | None]) -> str:
    kept = (value.strip() for value in values if value is not None)
    return join_sequence([value for value in dict.fromkeys(kept) if value and value != NO_GENRES])


def write_items(path: Path, items: Items) -> None:
    """Writes the ``.item`` file.

    Raises:
        OutputError: It cannot be written.
    """
    frame = items.frame
    lines = ["\t".join({"item_id": "item_id:token"}.get(name, f"{name}:token_seq") for name in frame.columns)]
    for row in frame.iter_rows(named=True):
        fields = [row["item_id"]]
        if "title" in row:
            fields.append(clean(row["title"]))
        if "genres" in row:
            fields.append(_genres(row["genres"]))
        lines.append("\t".join(fields))
    write_whole(path, "\n".join(lines) + "\n", OPTION)
