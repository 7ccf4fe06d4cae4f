"""MovieLens data on films and users, in every format, as rows of RecBole's .item and .user files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recbole_ext.data.text import NO_GENRES, csv_rows, split_lines, token, too_short
from recbole_ext.errors import DataError

__all__ = ["Movie", "User", "read_genome", "read_links", "read_movies", "read_users"]

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


def _movies_csv(path: Path) -> Iterator[tuple[int, Movie]]:
    for line, (movie, title, genres) in csv_rows(path, ("movieId", "title", "genres")):
        yield line, Movie(token(movie), *_split_title(title), _split_genres(genres))


def _movies_dat(path: Path) -> Iterator[tuple[int, Movie]]:
    for line, fields in split_lines(path, "::"):
        if len(fields) < 3:
            raise too_short(path, line, len(fields), 3)
        # A title may hold the separator itself; the identifier and the genres cannot.
        title = "::".join(fields[1:-1])
        yield line, Movie(token(fields[0]), *_split_title(title), _split_genres(fields[-1]))


def _movies_udata(path: Path) -> Iterator[tuple[int, Movie]]:
    want = _UDATA_FIELDS_BEFORE_GENRES + len(UDATA_GENRES)
    for line, fields in split_lines(path, "|"):
        if len(fields) != want:
            raise too_short(path, line, len(fields), want)
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
            raise too_short(path, line, len(fields), len(names))
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
            raise too_short(folder / file, line, len(values), len(order))
        user, *rest = (values[position].strip() for position in order)
        users.append(User(token(user), *rest))
    return users
