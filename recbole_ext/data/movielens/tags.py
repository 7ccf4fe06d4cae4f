"""The tags that users gave to films: which there are, and who gave them when."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from recbole_ext.data.text import clean, csv_rows, split_lines, token, too_short
from recbole_ext.errors import DataError

__all__ = ["read_tag_uses", "read_tags"]

_TAGS_FIELDS = ("userId", "movieId", "tag", "timestamp")
_TAGS_HEADER = b"userId,movieId,tag,timestamp"
_NOT_PLAIN = '["\0\r]'


def _tag_pairs(folder: Path, file_format: str) -> Iterator[tuple[str, str]]:
    if file_format == "csv" and (folder / "tags.csv").is_file():
        for _, (movie, tag) in csv_rows(folder / "tags.csv", ("movieId", "tag")):
            yield movie, tag
    elif file_format == "dat" and (folder / "tags.dat").is_file():
        for line, fields in split_lines(folder / "tags.dat", "::"):
            if len(fields) < 4:
                raise too_short(folder / "tags.dat", line, len(fields), 4)
            yield fields[1], "::".join(fields[2:-1])


def _plain_tags(path: Path) -> pl.DataFrame | None:
    """The fields of a ``tags.csv`` as GroupLens writes it, split by polars; None if the csv module must parse the file.

    Lines without a quote are split at commas; lines with a quote are parsed by csv, provided that no field continues
    on the next line. Any irregularity leaves the whole file to :func:`csv_rows`, which names the line.
    """
    try:
        with path.open("rb") as file:
            if file.readline().rstrip() != _TAGS_HEADER:
                return None
            lines = pl.read_csv(
                file,
                has_header=False,
                schema={"line": pl.String},
                separator="\n",
                quote_char=None,
                glob=False,
            )["line"]
        odd = lines.str.contains(_NOT_PLAIN)
        plain, rest = lines.filter(~odd), lines.filter(odd)
        if not (plain.str.count_matches(",", literal=True) == len(_TAGS_FIELDS) - 1).all():
            return None
        rows = [next(csv.reader([line], strict=True)) for line in rest]
    except (pl.exceptions.PolarsError, csv.Error):
        return None
    if any(len(row) != len(_TAGS_FIELDS) for row in rows) or rest.str.contains("[\0\r]").any():
        return None
    fields = (
        plain.str.split_exact(",", len(_TAGS_FIELDS) - 1).struct.rename_fields(_TAGS_FIELDS).struct.unnest()
    )
    quoted = pl.DataFrame(rows, schema=dict.fromkeys(_TAGS_FIELDS, pl.String), orient="row")
    return pl.concat([fields, quoted])


def _tag_frame(folder: Path, file_format: str) -> pl.DataFrame:
    """Columns ``movie`` and ``tag``, one row per use of a tag."""
    path = folder / "tags.csv"
    if file_format == "csv" and path.is_file():
        plain = _plain_tags(path)
        if plain is not None:
            return plain.select(movie="movieId", tag="tag")
    pairs = list(_tag_pairs(folder, file_format))
    return pl.DataFrame(pairs, schema={"movie": pl.String, "tag": pl.String}, orient="row")


def _in_one_spelling(column: pl.Series, spell: Callable[[str], str]) -> pl.Series:
    """Categories in the order of their text: ml-32m has two million tags, but far fewer different ones."""
    distinct = column.unique()
    spelt = pl.Series([spell(text) for text in distinct], dtype=pl.String)
    kinds = pl.Enum(spelt.unique().sort())
    return spelt.cast(kinds).gather(column.cast(pl.Enum(distinct)).to_physical()).rename(column.name)


def read_tags(folder: Path, file_format: str) -> dict[str, list[str]]:
    """Reads the distinct tags of each film in lower case, most frequent first, then alphabetically."""
    given = _tag_frame(folder, file_format)
    if given.is_empty():
        return {}
    ordered = (
        given.select(
            _in_one_spelling(given["movie"], token),
            _in_one_spelling(given["tag"], _spelt),
        )
        .filter(pl.col("tag").cast(pl.String) != "")
        .group_by("movie", "tag")
        .len()
        .sort("movie", "len", "tag", descending=[False, True, False])
        .with_columns(pl.col("movie", "tag").cast(pl.String))
    )
    by_movie = ordered.group_by("movie", maintain_order=True).agg("tag")
    return dict(by_movie.iter_rows())


def read_tag_uses(folder: Path, file_format: str) -> pl.DataFrame | None:
    """Reads who gave which tag to which film when.

    Args:
        folder: The set's folder.
        file_format: As in :func:`read_tags`.

    Returns:
        ``user_id``, ``item_id``, ``tag`` in the spelling of :func:`read_tags` and ``timestamp`` in seconds, in the
        order of the file; None where the set does not say who gave a tag or when.

    Raises:
        DataError: A time stamp is no whole number.
    """
    given = _use_frame(folder, file_format)
    if given is None:
        return None
    seconds = given["timestamp"].str.strip_chars().cast(pl.Int64, strict=False)
    if seconds.has_nulls():
        wrong = given.filter(seconds.is_null())
        raise DataError(
            f"{folder}: the tag {wrong['tag'][0]!r} of film {wrong['movieId'][0]} has the time stamp "
            f"{wrong['timestamp'][0]!r}, which is no whole number: correct its line"
        )
    return given.select(
        _in_one_spelling(given["userId"], _identifier).cast(pl.String).alias("user_id"),
        _in_one_spelling(given["movieId"], _identifier).cast(pl.String).alias("item_id"),
        _in_one_spelling(given["tag"], _one_field).cast(pl.String),
        seconds,
    ).filter(pl.col("tag") != "")


def _identifier(value: str) -> str:
    return clean(token(value)).strip()


def _one_field(tag: str) -> str:
    return clean(_spelt(tag)).strip()


def _use_frame(folder: Path, file_format: str) -> pl.DataFrame | None:
    """The four fields of each use of a tag, as text."""
    path = folder / f"tags.{file_format}"
    if file_format not in ("csv", "dat") or not path.is_file():
        return None
    rows: list[list[str]]
    if file_format == "csv":
        plain = _plain_tags(path)
        if plain is not None:
            return plain
        if not _has_every_field(path):
            return None
        rows = [row for _, row in csv_rows(path, _TAGS_FIELDS)]
    else:
        lines = (fields for _, fields in split_lines(path, "::"))
        rows = [[*fields[:2], "::".join(fields[2:-1]), fields[-1]] for fields in lines]
    return pl.DataFrame(rows, schema=dict.fromkeys(_TAGS_FIELDS, pl.String), orient="row")


def _has_every_field(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return set(_TAGS_FIELDS) <= {name.strip() for name in file.readline().split(",")}


def _spelt(tag: str) -> str:
    return "_".join(tag.lower().split())
