"""The columns of an ``.inter`` file as arrays, parsed exactly from its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recbole_ext.errors import DataError

__all__ = ["Columns", "Tokens", "column_names", "encode", "parse_inter"]

_NAMES = ("user_id", "item_id", "rating", "timestamp")
_CHUNK_BYTES = 32 * 2**20


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
    user, item, rating, time = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Columns(user, item, rating, time, users.series(), items.series())


def column_names(path: Path) -> list[str]:
    """Names of the columns of an atomic file without their types.

    Raises:
        DataError: The file is empty or no text, or two columns have one name.
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
    names = [column.split(":")[0] for column in header.split("\t")]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"{path} has two columns named {doubled!r} in line 1: remove or rename one of them")
    return names


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
        raise DataError(f"{path} cannot be read as tab-separated columns: {error}") from error
    time = pl.col("timestamp").cast(pl.Int64, strict=False)
    whole = pl.col("timestamp").cast(pl.Float64, strict=False)
    exact = pl.coalesce(time, pl.when(whole == whole.round(0)).then(whole.cast(pl.Int64, strict=False)))
    rating = pl.col("rating").cast(pl.Float32, strict=False) if "rating" in wanted else pl.lit(1.0)
    parsed = frame.with_columns(exact.alias("time"), rating.cast(pl.Float32).alias("value"))
    _check(parsed, path, row)
    return parsed.select("user_id", "item_id", rating="value", timestamp="time")


def _check(parsed: pl.DataFrame, path: Path, row: int) -> None:
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
            found = parsed[source][first] if source in parsed.columns else None
            line = row + first + 2
            raise DataError(f"{path}, line {line}: {source} is {found!r}, not {what}: correct the line")
