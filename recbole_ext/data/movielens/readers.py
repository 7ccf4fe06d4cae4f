"""Ratings in the formats of MovieLens (csv, dat, u.data) and RecBole, read by polars, checked to the line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recbole_ext.data.movielens.catalog import MovieLensDataset
from recbole_ext.data.text import encoding_of, split_lines, token
from recbole_ext.errors import DataError, nearest

__all__ = ["COLUMNS", "RatingsLayout", "first_fault", "ratings_file", "read_ratings"]

COLUMNS = ("user_id", "item_id", "rating", "timestamp")

_NUMBER = re.compile(r"\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Ratings are held as float32.
_LARGEST_FLOAT32 = 3.4028234e38
_WHOLE = re.compile(r"\d{1,18}")
_FORBIDDEN_IN_TOKEN = re.compile(r'[\t\r\n"]')


@dataclass(frozen=True)
class RatingsLayout:
    """How a ratings file is laid out.

    Attributes:
        separator: What stands between two fields.
        names: Header names of user, item, rating and time stamp; ``None`` where the file has no header and
            holds exactly these four fields in this order.
        quoted: Whether a field may stand in double quotes.
        typed_header: Whether header names carry RecBole's type, as in ``user_id:token``.
    """

    separator: str
    names: tuple[str, str, str, str] | None
    quoted: bool = False
    typed_header: bool = False


LAYOUTS = {
    "csv": RatingsLayout(",", ("userId", "movieId", "rating", "timestamp"), quoted=True),
    "dat": RatingsLayout("::", None),
    "udata": RatingsLayout("\t", None),
    "atomic": RatingsLayout("\t", ("user_id", "item_id", "rating", "timestamp"), typed_header=True),
}


def ratings_file(dataset: MovieLensDataset, folder: Path) -> tuple[Path, str]:
    """The ratings file of a set's folder and its format: the set's own, or ``atomic``.

    Raises:
        DataError: The folder holds neither.
    """
    for path, layout in (
        (folder / dataset.ratings_file, dataset.format),
        (folder / f"{dataset.name}.inter", "atomic"),
    ):
        if path.is_file():
            return path, layout
    raise DataError(f"{folder} has no {dataset.ratings_file}: give the whole data set {dataset.name}")


def read_ratings(path: Path, layout: RatingsLayout) -> pl.DataFrame:
    """Read and check all ratings.

    Args:
        path: The file; UTF-8 with or without a byte-order mark, LF or CRLF.
        layout: How it is laid out.

    Returns:
        One row a rating in the file's order: ``user_id`` and ``item_id`` (UInt32 where all are such numbers,
        else String), ``rating`` (Float32), ``timestamp`` (Int64, seconds since 1970).

    Raises:
        DataError: The file is empty, lacks a column, or has a missing, non-numeric, negative or NaN value;
            the message names the line.
    """
    header = _header(path, layout)
    frame = _collect(path, layout, header, pl.UInt32())
    if frame is None:
        fault = first_fault(path, layout)
        if fault is not None:
            raise DataError(fault)
        # No line is faulty: the identifiers do not fit into 32-bit numbers.
        frame = _collect(path, layout, header, pl.String())
        if frame is None:
            raise DataError(f"{path} cannot be read as ratings: give the original file")
    if frame.height == 0:
        raise DataError(f"{path} holds no ratings: fetch the data set again")
    return frame


def _header(path: Path, layout: RatingsLayout) -> list[str] | None:
    """The file's own header names in the order of ``COLUMNS``, ``None`` for a file without header."""
    try:
        with path.open("rb") as file:
            first = file.readline(1024**2)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give the whole data set") from error
    if not first.strip():
        raise DataError(f"{path} is empty: fetch the data set again")
    if b"\0" in first:
        raise DataError(f"{path} is not text in UTF-8 or Latin-1: save it as UTF-8")
    if layout.names is None:
        return None
    text = first.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    fields = next(csv.reader([text])) if layout.quoted else text.split(layout.separator)
    names = [(field.split(":")[0] if layout.typed_header else field).strip() for field in fields]
    known = dict(zip(names, fields, strict=True))
    for name in layout.names:
        if names.count(name) > 1:
            raise DataError(f"{path}, line 1: the column '{name}' is listed twice; give the original file")
        if name not in known:
            found = ", ".join(known) + nearest(name, known)
            raise DataError(
                f"{path}, line 1: the column '{name}' is missing (found: {found}); give the original file"
            )
    return [known[name] for name in layout.names]


def _collect(
    path: Path, layout: RatingsLayout, header: list[str] | None, id_type: pl.DataType
) -> pl.DataFrame | None:
    """All ratings, or ``None`` if any line is faulty."""
    types: list[pl.DataType] = [id_type, id_type, pl.Float32(), pl.Int64()]
    try:
        frame = _scan(path, layout, header, types).collect(engine="streaming")
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=dict(zip(COLUMNS, types, strict=True)))
    except pl.exceptions.PolarsError:
        return None
    if frame.height and (
        any(frame.null_count().row(0))
        or not frame["rating"].is_finite().all()
        or frame.select(pl.min_horizontal(pl.col("rating").min(), pl.col("timestamp").min())).item() < 0
    ):
        return None
    if isinstance(id_type, pl.String):
        return frame.with_columns(pl.col("user_id", "item_id").str.strip_chars())
    return frame


def _scan(
    path: Path, layout: RatingsLayout, header: list[str] | None, types: list[pl.DataType]
) -> pl.LazyFrame:
    quote = '"' if layout.quoted else None
    if header is not None:
        scan = pl.scan_csv(
            path,
            separator=layout.separator,
            quote_char=quote,
            schema_overrides=dict(zip(header, types, strict=True)),
            infer_schema=False,
            glob=False,
        ).select([pl.col(own).alias(name) for own, name in zip(header, COLUMNS, strict=True)])
    elif len(layout.separator) == 1:
        schema = dict(zip(COLUMNS, types, strict=True))
        scan = pl.scan_csv(
            path, separator=layout.separator, quote_char=quote, has_header=False, schema=schema, glob=False
        )
    else:
        scan = _scan_double_separator(path, layout.separator[0], types)
    return scan.filter(~pl.all_horizontal(pl.all().is_null()))


def _scan_double_separator(path: Path, separator: str, types: list[pl.DataType]) -> pl.LazyFrame:
    """``1::2::3::4`` read at native speed: with separator ``:`` an empty column lies between two fields."""
    schema: dict[str, pl.DataType] = {}
    for position, (name, kind) in enumerate(zip(COLUMNS, types, strict=True)):
        schema[name] = kind
        if position < len(COLUMNS) - 1:
            schema[f"gap_{position}"] = pl.String()
    scan = pl.scan_csv(
        path, separator=separator, quote_char=None, has_header=False, schema=schema, glob=False
    )
    gaps_empty = pl.all_horizontal(pl.col("^gap_.*$").is_null())
    # Text inside a gap makes the row's rating missing, which triggers the line-by-line check.
    rating = pl.when(gaps_empty).then(pl.col("rating")).otherwise(None)
    return scan.with_columns(rating).select(COLUMNS)


def first_fault(
    path: Path, layout: RatingsLayout, *, duplicate: tuple[str, str, int] | None = None
) -> str | None:
    """Read a ratings file line by line, slowly, and find the first fault.

    Args:
        path: The file.
        layout: How it is laid out.
        duplicate: A (user, item, time stamp) whose second occurrence is the fault to find.

    Returns:
        A sentence that names file, line and fault, ``None`` where no line is at fault.
    """
    header = _header(path, layout)
    positions, width = list(range(len(COLUMNS))), len(COLUMNS)
    rows = _rows(path, layout)
    if header is not None:
        try:
            _, names = next(rows)
        except csv.Error as error:
            return f"{path}, line 1: {error}; fix the line"
        positions, width = [names.index(name) for name in header], len(names)
    seen = 0
    line = 0
    try:
        for line, fields in rows:
            if len(fields) != width:
                return f"{path}, line {line}: {len(fields)} fields instead of {width}; fix or remove the line"
            values = [fields[position].strip() for position in positions]
            reason = _value_fault(values)
            if reason is not None:
                return f"{path}, line {line}: {reason}; fix or remove the line"
            if duplicate is not None and (token(values[0]), token(values[1]), int(values[3])) == duplicate:
                seen += 1
                if seen > 1:
                    user, item, time = duplicate
                    return (
                        f"{path}, line {line}: the row of user {user}, item {item} and timestamp {time} "
                        "occurs a second time; remove the line"
                    )
    except csv.Error as error:
        return f"{path}, line {line + 1}: {error}; fix the line"
    return None


def _rows(path: Path, layout: RatingsLayout) -> Iterator[tuple[int, list[str]]]:
    if not layout.quoted:
        yield from split_lines(path, layout.separator)
        return
    with path.open(encoding=encoding_of(path), newline="") as file:
        reader = csv.reader(file, strict=True)
        for row in reader:
            if row:
                yield reader.line_num, row


def _value_fault(values: list[str]) -> str | None:
    for name, value in zip(COLUMNS, values, strict=True):
        if not value:
            return f"the value of {name} is missing"
    for name, value in zip(COLUMNS[:2], values[:2], strict=True):
        if _FORBIDDEN_IN_TOKEN.search(value):
            return f"the {name} {_short(value)} has a tab, a line break or a quote in it"
    if not _NUMBER.fullmatch(values[2]) or not float(values[2]) <= _LARGEST_FLOAT32:
        return f"the rating {_short(values[2])} is not a number of at least 0"
    if not _WHOLE.fullmatch(values[3]):
        return f"the timestamp {_short(values[3])} is not a whole number of seconds of at least 0"
    return None


def _short(value: str) -> str:
    """A value in quotes, as much as a message can hold."""
    return repr(value if len(value) <= 60 else f"{value[:57]}...")
