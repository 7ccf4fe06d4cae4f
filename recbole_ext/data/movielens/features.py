"""MovieLens data on films and users, in every format, as rows of RecBole's .item and .user files."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recbole_ext.data.text import NO_GENRES, csv_rows, split_lines, token
from recbole_ext.errors import DataError

__all__ = ["Movie", "User", "read_genome", "read_links", "read_movies", "read_tags", "read_users"]

_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\)(?:\s*\(V\))?\s*$")

# Order of the 19 flags at the end of a line of u.item, as in u.genre (ml-100k README).
UDATA_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ),
)
_UDATA_FIELDS_BEFORE_GENRES = 5
_TAGS_FIELDS = ("userId", "movieId", "tag", "timestamp")
_TAGS_HEADER = b"userId,movieId,tag,timestamp"
_NOT_PLAIN = '["\0\r]'


@dataclass(frozen=True)
class Movie:
    """A film: its token, its title without the year, its year (empty if unknown) and its genres."""

    item_id: str
    title: str
    year: str
    genres: tuple[str, ...]


@dataclass(frozen=True)
class User:
    """A user's data; in ml-1m the age is a group's lower bound and the occupation a code of the README."""

    user_id: str
    age: str
    gender: str
    occupation: str
    zip_code: str


def _split_title(title: str) -> tuple[str, str]:
    found = _YEAR.search(title)
    if found is None or not title[: found.start()].strip():
        return title.strip(), ""
    return title[: found.start()].strip(), found[1]


def _split_genres(genres: str) -> tuple[str, ...]:
    return () if genres.strip() == NO_GENRES else tuple(part for part in genres.strip().split("|") if part)


def _short(path: Path, line: int, have: int, want: int) -> DataError:
    return DataError(f"{path}, line {line}: {have} fields instead of {want}; fix or remove the line")


def _movies_csv(path: Path) -> Iterator[tuple[int, Movie]]:
    for line, (movie, title, genres) in csv_rows(path, ("movieId", "title", "genres")):
        yield line, Movie(token(movie), *_split_title(title), _split_genres(genres))


def _movies_dat(path: Path) -> Iterator[tuple[int, Movie]]:
    for line, fields in split_lines(path, "::"):
        if len(fields) < 3:
            raise _short(path, line, len(fields), 3)
        # A title may hold the separator itself; the identifier and the genres cannot.
        title = "::".join(fields[1:-1])
        yield line, Movie(token(fields[0]), *_split_title(title), _split_genres(fields[-1]))


def _movies_udata(path: Path) -> Iterator[tuple[int, Movie]]:
    want = _UDATA_FIELDS_BEFORE_GENRES + len(UDATA_GENRES)
    for line, fields in split_lines(path, "|"):
        if len(fields) != want:
            raise _short(path, line, len(fields), want)
        flags = [flag.strip() for flag in fields[_UDATA_FIELDS_BEFORE_GENRES:]]
        if not set(flags) <= {"0", "1"}:
            raise DataError(f"{path}, line {line}: a genre flag is neither 0 nor 1; fix the line")
        genres = tuple(genre for genre, flag in zip(UDATA_GENRES, flags, strict=True) if flag == "1")
        yield line, Movie(token(fields[0]), *_split_title(fields[1]), genres)


def _atomic_rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    rows = split_lines(path, "\t")
    _, header = next(rows, (1, []))
    names = [field.split(":")[0].strip() for field in header]
    for name in required:
        if name not in names:
            raise DataError(
                f"{path}, line 1: the column '{name}' is missing (found: {', '.join(names)}); "
                "give the original file"
            )
    for line, fields in rows:
        if len(fields) != len(names):
            raise _short(path, line, len(fields), len(names))
        yield line, dict(zip(names, fields, strict=True))


def _movies_atomic(path: Path) -> Iterator[tuple[int, Movie]]:
    for line, row in _atomic_rows(path, ("item_id", "movie_title")):
        # RecBole calls the genres "class" in ml-100k and "genre" in its later conversions.
        genres = row.get("genres") or row.get("class") or row.get("genre") or ""
        year = row.get("release_year", "").strip()
        # Its converter cut some years wrongly ("V" for a title that ends in "(1998) (V)").
        year = year if re.fullmatch(r"\d{4}", year) else ""
        yield line, Movie(token(row["item_id"]), row["movie_title"].strip(), year, tuple(genres.split()))


_MOVIES: dict[str, tuple[str, Callable[[Path], Iterator[tuple[int, Movie]]]]] = {
    "csv": ("movies.csv", _movies_csv),
    "dat": ("movies.dat", _movies_dat),
    "udata": ("u.item", _movies_udata),
    "atomic": ("{name}.item", _movies_atomic),
}


def read_movies(folder: Path, file_format: str, name: str) -> list[Movie]:
    """All films of a set.

    Args:
        folder: The set's folder.
        file_format: ``csv``, ``dat``, ``udata`` or ``atomic``.
        name: Name of the set.

    Returns:
        The films in the file's order.

    Raises:
        DataError: The file is missing, empty, malformed, or has a film twice; the message names the line.
    """
    pattern, read = _MOVIES[file_format]
    path = folder / pattern.format(name=name)
    movies: dict[str, Movie] = {}
    for line, movie in read(path):
        if not movie.item_id:
            raise DataError(f"{path}, line {line}: the film's identifier is missing; fix or remove the line")
        if movie.item_id in movies:
            raise DataError(f"{path}, line {line}: film {movie.item_id} is listed twice; remove the line")
        movies[movie.item_id] = movie
    if not movies:
        raise DataError(f"{path} holds no films: fetch the data set again")
    return list(movies.values())


def read_links(folder: Path) -> dict[str, tuple[str, str]]:
    """IMDb and TMDB identifiers by film from ``links.csv``; empty where the set has no such file."""
    path = folder / "links.csv"
    if not path.is_file():
        return {}
    rows = csv_rows(path, ("movieId", "imdbId", "tmdbId"))
    # IMDb's own identifiers have leading zeros, so they stay as they are.
    return {token(movie): (imdb.strip(), tmdb.strip()) for _, (movie, imdb, tmdb) in rows}


def _tag_pairs(folder: Path, file_format: str) -> Iterator[tuple[str, str]]:
    if file_format == "csv" and (folder / "tags.csv").is_file():
        for _, (movie, tag) in csv_rows(folder / "tags.csv", ("movieId", "tag")):
            yield movie, tag
    elif file_format == "dat" and (folder / "tags.dat").is_file():
        for line, fields in split_lines(folder / "tags.dat", "::"):
            if len(fields) < 4:
                raise _short(folder / "tags.dat", line, len(fields), 4)
            yield fields[1], "::".join(fields[2:-1])


def _plain_tag_pairs(path: Path) -> pl.DataFrame | None:
    """The pairs of a ``tags.csv`` as GroupLens writes it, split by polars; None if the csv module must parse the file.

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
    return pl.concat([fields, quoted]).select(movie="movieId", tag="tag")


def _tag_frame(folder: Path, file_format: str) -> pl.DataFrame:
    """Columns ``movie`` and ``tag``, one row per use of a tag."""
    path = folder / "tags.csv"
    if file_format == "csv" and path.is_file():
        plain = _plain_tag_pairs(path)
        if plain is not None:
            return plain
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
            _in_one_spelling(given["tag"], lambda tag: "_".join(tag.lower().split())),
        )
        .filter(pl.col("tag").cast(pl.String) != "")
        .group_by("movie", "tag")
        .len()
        .sort("movie", "len", "tag", descending=[False, True, False])
        .with_columns(pl.col("movie", "tag").cast(pl.String))
    )
    by_movie = ordered.group_by("movie", maintain_order=True).agg("tag")
    return dict(by_movie.iter_rows())


def read_genome(folder: Path) -> dict[str, str]:
    """The tag genome of each film: relevances between 0 and 1 in the order of tagId, as one text.

    Raises:
        DataError: ``genome-scores.csv`` is missing or malformed.
    """
    path = folder / "genome-scores.csv"
    if not path.is_file():
        raise DataError(f"{path} is missing: give the whole data set, or prepare without genome scores")
    types = {"movieId": pl.UInt32(), "tagId": pl.UInt32(), "relevance": pl.Float32()}
    try:
        scores = (
            pl.scan_csv(path, schema_overrides=types, glob=False)
            .select(*types)
            .sort("movieId", "tagId")
            .group_by("movieId", maintain_order=True)
            .agg(pl.col("relevance").round(5).cast(pl.String).str.join(" "), pl.len().alias("tags"))
            .collect()
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}): fetch the data set again") from error
    if scores["tags"].n_unique() != 1:
        raise DataError(f"{path}: the films have different numbers of genome tags; fetch the data set again")
    return {str(movie): text for movie, text in scores.select("movieId", "relevance").iter_rows()}


def read_users(folder: Path, file_format: str, name: str) -> list[User]:
    """The users' data of ml-100k and ml-1m in the file's order; empty for sets without.

    Raises:
        DataError: The file is malformed.
    """
    if file_format == "atomic":
        path = folder / f"{name}.user"
        fields = ("user_id", "age", "gender", "occupation", "zip_code")
        if not path.is_file():
            return []
        return [
            User(token(row["user_id"]), *(row[key] for key in fields[1:]))
            for _, row in _atomic_rows(path, fields)
        ]
    layouts = {"dat": ("users.dat", "::", (0, 2, 1, 3, 4)), "udata": ("u.user", "|", (0, 1, 2, 3, 4))}
    if file_format not in layouts or not (folder / layouts[file_format][0]).is_file():
        return []
    file, separator, order = layouts[file_format]
    users = []
    for line, values in split_lines(folder / file, separator):
        if len(values) != len(order):
            raise _short(folder / file, line, len(values), len(order))
        user, *rest = (values[position].strip() for position in order)
        users.append(User(token(user), *rest))
    return users
