"""The columns of an ``.inter`` file as arrays, parsed exactly from its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from recbole_ext.errors import DataError

__all__ = [
    "TYPES",
    "Columns",
    "Tokens",
    "check_fields",
    "column_names",
    "encode",
    "parse_inter",
    "unusable",
]

TYPES = ("token", "token_seq", "float", "float_seq")
"""What a column of an atomic file may hold, as its header says behind the name."""

_NAMES = ("user_id", "item_id", "rating", "timestamp")
_CHUNK_BYTES = 32 * 2**20
_LONGEST_SHOWN = 60
_PADDING = "[PAD]"


@dataclass(frozen=True)
class Columns:
    """Interactions in the order of their file; a token is held once, not once an interaction.

    Attributes:
        users: ``(N,) int32`` index into ``user_tokens``.
        items: ``(N,) int32`` index into ``item_tokens``.
        ratings: ``(N,) float32``, 1 where the file has no ratings.
        times: ``(N,) int64`` seconds, exact.
        user_tokens: String series without repetition, in any order.
        item_tokens: The same of the items.
    """

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    times: np.ndarray
    user_tokens: pl.Series
    item_tokens: pl.Series

    def __len__(self) -> int:
        return len(self.users)

    def rows(self, keep: np.ndarray) -> Columns:
        """The interactions where ``keep`` ``(N,) bool`` holds; the tokens stay."""
        users, items, ratings, times = (
            column[keep] for column in (self.users, self.items, self.ratings, self.times)
        )
        return Columns(users, items, ratings, times, self.user_tokens, self.item_tokens)


def encode(column: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """``(N,) int32`` index of each value and the distinct values as text, for a column of text or numbers."""
    distinct = column.unique().sort()
    if column.dtype == pl.String:
        codes = column.cast(pl.Enum(distinct)).to_physical().to_numpy()
        return codes.astype(np.int32, copy=False), distinct
    values, numbers = distinct.to_numpy(), column.to_numpy()
    if values[0] >= 0 and values[-1] < 4 * len(numbers) + 2**20:
        # A table is several times faster than a search; identifiers of public sets leave few gaps.
        place = np.zeros(int(values[-1]) + 1, dtype=np.int32)
        place[values] = np.arange(len(values), dtype=np.int32)
        return place[numbers], distinct.cast(pl.String)
    return np.searchsorted(values, numbers).astype(np.int32), distinct.cast(pl.String)


class Tokens:
    """Gives each token one number, in the order of first sight over all chunks."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._number)

    def encode(self, column: pl.Series) -> np.ndarray:
        """``(n,) int32`` number of each value of a column of text or numbers."""
        if column.dtype == pl.String:
            # In the order of sight: sorting the tokens of each piece would take longer than everything else.
            found = column.to_arrow().cast(pa.large_string()).dictionary_encode()
            codes, distinct = pl.Series(found.indices).to_numpy(), found.dictionary.to_pylist()
        else:
            codes, distinct = encode(column)
        number = [self._number.setdefault(token, len(self._number)) for token in distinct]
        return np.array(number, dtype=np.int32)[codes]

    def series(self) -> pl.Series:
        """The tokens by their numbers."""
        return pl.Series(list(self._number), dtype=pl.String)


def parse_inter(path: Path) -> Columns:
    """Reads the text of an ``.inter`` file, in pieces, so that its strings are never all in memory.

    Raises:
        DataError: The file is missing, empty or malformed; the message names the line.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist: run 'prepare' first, or name its folder with --data_path")
    fields = column_names(path)
    missing = {"user_id", "item_id", "timestamp"} - set(fields)
    if missing:
        raise DataError(f"{path} has no column {sorted(missing)[0]!r} in line 1: an .inter file needs it")
    users, items = Tokens(), Tokens()
    parts: list[tuple[np.ndarray, ...]] = []
    row = 0
    for text in _pieces(path):
        frame = _parsed(text, fields, path, row)
        row += frame.height
        if frame.height:
            codes = users.encode(frame["user_id"]), items.encode(frame["item_id"])
            parts.append((*codes, frame["rating"].to_numpy(), frame["timestamp"].to_numpy()))
    if not parts:
        raise DataError(f"{path} has a header and no interaction: prepare the data set again")
    for column, tokens in (("user_id", users.series()), ("item_id", items.series())):
        if (bad := unusable(tokens)) is not None:
            line = _line_of(bad, column, path, fields)
            raise DataError(
                f"{path}, line {line}: {column} is {_shown(bad)}, which cannot be a token (blank, with a NUL byte, or "
                f"the name of padding): correct the line"
            )
    user, item, rating, time = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Columns(user, item, rating, time, users.series(), items.series())


def unusable(tokens: pl.Series) -> str | None:
    """The first token that is blank, holds a NUL byte or is the name of padding; None where all can be used."""
    bad = (tokens.str.strip_chars() == "") | tokens.str.contains("\0", literal=True) | (tokens == _PADDING)
    place = bad.arg_max()
    return None if place is None or not bad[place] else str(tokens[place])


def column_names(path: Path, *, typed: bool = False) -> list[str]:
    """Names of the columns of an atomic file without their types.

    Args:
        path: The file.
        typed: Whether each column must have a type.

    Raises:
        DataError: The file is empty or no text, a column has an unknown type, or two columns have one name.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text ({error.reason}): convert it, or prepare it again"
        ) from None
    if not header:
        raise DataError(f"{path} is empty: prepare the data set again")
    names = []
    for column in header.split("\t"):
        name, colon, kind = column.partition(":")
        if "\0" in column or ((colon or typed) and kind not in TYPES):
            raise DataError(
                f"{path} has the column {_shown(column)} in line 1, which is no name with one of the types "
                f"{', '.join(TYPES)}: separate columns by tabs, and correct it"
            )
        names.append(name)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"{path} has two columns named {doubled!r} in line 1: remove or rename one of them")
    return names


def check_fields(text: bytes, fields: int, path: Path, row: int = 0, last: int | None = None) -> None:
    """Looks for a line with more or fewer fields than the header; lines without any character are left out.

    Args:
        text: Lines.
        fields: Columns of the header.
        path: What a message names.
        row: Lines between the header and ``text``.
        last: The last line to look at, from 0; all if None.

    Raises:
        DataError: There is such a line.
    """
    codes = np.frombuffer(text if text.endswith(b"\n") else text + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    found = np.diff(np.searchsorted(np.flatnonzero(codes == ord("\t")), ends), prepend=0) + 1
    starts = np.append(0, ends[:-1] + 1)
    blank = (starts == ends) | ((starts + 1 == ends) & (codes[starts] == ord("\r")))
    bad = np.flatnonzero((found != fields) & ~blank)
    if len(bad) and (last is None or bad[0] <= last):
        number = int(found[bad[0]])
        raise DataError(
            f"{path}, line {row + bad[0] + 2}: it has {number} field{'s' * (number > 1)}, but line 1 has {fields}: "
            "correct the line"
        )


def _line_of(token: str, column: str, path: Path, fields: list[str]) -> int:
    """The first line that has a token, from 1."""
    row = 0
    for text in _pieces(path):
        frame = _parsed(text, fields, path, row)
        if frame.height and (same := frame[column] == token).any():
            return row + int(same.arg_max() or 0) + 2
        row += frame.height
    raise AssertionError(f"{token!r} was read from {path}")


def _shown(value: object) -> str:
    """A value in a sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(text):,} characters)"


def _pieces(path: Path) -> Iterator[bytes]:
    """The file without its header, cut at ends of lines."""
    with path.open("rb") as file:
        file.readline()
        while piece := file.read(_CHUNK_BYTES):
            yield piece + file.readline()


def _parsed(text: bytes, fields: list[str], path: Path, row: int) -> pl.DataFrame:
    """Numbers parsed exactly; ``row`` is the number of rows before, so that the first bad line is named."""
    wanted = {name: str(place) for place, name in enumerate(fields) if name in _NAMES}
    try:
        frame = pl.read_csv(
            text,
            separator="\t",
            has_header=False,
            schema=dict.fromkeys(map(str, range(len(fields))), pl.String),
            quote_char=None,
            glob=False,
        ).select(pl.col(place).alias(name) for name, place in wanted.items())
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except pl.exceptions.PolarsError as error:
        check_fields(text, len(fields), path, row)
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read as tab-separated columns ({reason}): correct it") from error
    time = pl.col("timestamp").cast(pl.Int64, strict=False)
    whole = pl.col("timestamp").cast(pl.Float64, strict=False)
    exact = pl.coalesce(time, pl.when(whole == whole.round(0)).then(whole.cast(pl.Int64, strict=False)))
    rating = pl.col("rating").cast(pl.Float32, strict=False) if "rating" in wanted else pl.lit(1.0)
    parsed = frame.with_columns(exact.alias("time"), rating.cast(pl.Float32).alias("value"))
    _check(parsed, path, row, text, len(fields))
    return parsed.select("user_id", "item_id", rating="value", timestamp="time")


def _check(parsed: pl.DataFrame, path: Path, row: int, text: bytes, fields: int) -> None:
    for source, target, what in (
        ("timestamp", "time", "a whole number of seconds"),
        ("rating", "value", "a finite number"),
        ("user_id", "user_id", "a user's token"),
        ("item_id", "item_id", "an item's token"),
    ):
        bad = parsed[target].is_null()
        if target == "value":
            bad = bad | ~parsed[target].is_finite().fill_null(True)
        if bad.any():
            first = bad.arg_max() or 0
            check_fields(text, fields, path, row, first)
            found = parsed[source][first] if source in parsed.columns else None
            line = row + first + 2
            raise DataError(f"{path}, line {line}: {source} is {_shown(found)}, not {what}: correct the line")
