"""A raw set in the format and of the shape of ml-32m, made of random numbers: for measuring, not for results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["FULL", "Shape", "shape_of", "write_raw_set"]

# What follows was fitted to ml-latest-small. The logarithm of (ratings of a user - 19) is normal; so are the logarithms
# of the items' popularity: its best 1, 10 and 50 % of the items hold 16, 60 and 94 % of the ratings.
_LEAST_ACTIVITY = 20
_ACTIVITY_MEAN, _ACTIVITY_DEVIATION = 3.87, 1.62
_POPULARITY_DEVIATION = 1.5
_RATING_SHARES = (0.014, 0.028, 0.018, 0.075, 0.055, 0.199, 0.130, 0.266, 0.085, 0.130)
# Seconds between two ratings of a user: none, within a sitting (quartiles 3, 11, 34), or until the next sitting.
_SAME_SECOND, _SAME_SITTING = 0.16, 0.75
_FIRST_SECOND, _LAST_SECOND = 828_124_615, 1_697_164_147

# Sequential structure: with this probability the next item is one of the successors of the last one, in a ring of
# items of like popularity; else it is drawn by popularity.
_FOLLOWS = 0.5
_RING = 64
_SUCCESSORS = np.array([1, 2, 3, 5])

_CHUNK_RATINGS = 2_000_000
_ROUNDS_BY_POPULARITY = 6
_GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War"),
)


@dataclass(frozen=True)
class Shape:
    """How many ratings, users, movies and tags a set has."""

    ratings: int
    users: int
    movies: int
    tags: int


FULL = Shape(32_000_204, 200_948, 84_432, 2_000_072)


def shape_of(ratings: int) -> Shape:
    """The shape of ml-32m, scaled down in proportion to the ratings."""
    share = ratings / FULL.ratings
    return Shape(ratings, *(max(10, round(n * share)) for n in (FULL.users, FULL.movies, FULL.tags)))


def _activities(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """``(users,) int64`` ratings of each user, which add up to the ratings asked for."""
    most = max(_LEAST_ACTIVITY + 1, shape.movies // 3)
    drawn = np.exp(rng.normal(_ACTIVITY_MEAN, _ACTIVITY_DEVIATION, shape.users))
    extra = shape.ratings - _LEAST_ACTIVITY * shape.users
    for _ in range(20):
        drawn = np.minimum(drawn * (extra / drawn.sum()), most - _LEAST_ACTIVITY)
    # Rounding the running total keeps the sum exact.
    whole = np.diff(np.floor(np.cumsum(drawn) + 0.5), prepend=0).astype(np.int64)
    whole[: int(extra - whole.sum())] += 1
    return whole + _LEAST_ACTIVITY


def _draw_items(count: int, cumulative: np.ndarray, rng: np.random.Generator, *, uniform: bool) -> np.ndarray:
    """``(count,) int64`` items by popularity rank: runs of successors, each begun by a draw."""
    movies = len(cumulative)
    begins = rng.random(count) >= _FOLLOWS
    begins[0] = True
    starts = np.flatnonzero(begins)
    first = (
        rng.integers(0, movies, len(starts))
        if uniform
        else np.searchsorted(cumulative, rng.random(len(starts)) * cumulative[-1], side="right")
    )
    steps = np.where(begins, 0, _SUCCESSORS[rng.integers(0, len(_SUCCESSORS), count)])
    walked = np.cumsum(steps)
    run = np.cumsum(begins) - 1
    walked -= walked[starts][run]
    ring = first[run] // _RING
    size = np.minimum(_RING, movies - ring * _RING)
    return ring * _RING + (first[run] % _RING + walked) % size


def _sequences(
    activity: np.ndarray, cumulative: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``(users, items)`` of a chunk in time order; no user has an item twice."""
    users = items = np.zeros(0, dtype=np.int64)
    missing = activity
    for number in range(1000):
        more = np.repeat(np.arange(len(activity)), np.where(missing > 0, missing * 3 // 2 + 8, 0))
        drawn = _draw_items(len(more), cumulative, rng, uniform=number >= _ROUNDS_BY_POPULARITY)
        users, items = np.concatenate([users, more]), np.concatenate([items, drawn])
        _, first = np.unique(users * len(cumulative) + items, return_index=True)
        first.sort()
        users, items = users[first], items[first]
        by_user = np.argsort(users, kind="stable")
        users, items = users[by_user], items[by_user]
        have = np.bincount(users, minlength=len(activity))
        place = np.arange(len(users)) - np.repeat(np.cumsum(have) - have, have)
        kept = place < activity[users]
        users, items = users[kept], items[kept]
        missing = activity - np.minimum(have, activity)
        if not missing.any():
            return users, items
    raise AssertionError("a user has more ratings than there are movies")


def _times(activity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(ratings,) int64`` seconds since 1970, ascending within a user."""
    count = int(activity.sum())
    kind = rng.random(count)
    sitting = np.exp(rng.normal(np.log(14), 1.3, count))
    later = np.minimum(np.exp(rng.normal(np.log(50_000), 3.0, count)), 30 * 86_400)
    gaps = np.where(kind < _SAME_SECOND, 0, np.where(kind < _SAME_SECOND + _SAME_SITTING, sitting, later))
    gaps = gaps.astype(np.int64)
    passed = np.cumsum(gaps)
    first = np.cumsum(activity) - activity
    begin = rng.integers(_FIRST_SECOND, _LAST_SECOND, len(activity))
    return passed + np.repeat(begin - passed[first], activity)


def _write_movies(folder: Path, shape: Shape, ids: np.ndarray, rng: np.random.Generator) -> None:
    order = np.argsort(ids)
    genres = np.array(_GENRES)[np.stack([order // _RING % 18, (order * 7 + 3) % 18], axis=1)]
    years = rng.integers(1920, 2024, shape.movies)
    title = [f"Movie, No. {rank} ({year})" for rank, year in zip(order, years, strict=True)]
    movies = {"movieId": ids[order], "title": title, "genres": ["|".join(sorted(set(g))) for g in genres]}
    pl.DataFrame(movies).write_csv(folder / "movies.csv")
    links = {"movieId": ids[order], "imdbId": [f"{n:07}" for n in ids[order]], "tmdbId": ids[order]}
    pl.DataFrame(links).write_csv(folder / "links.csv")
    tags = {
        "userId": np.sort(rng.integers(1, shape.users + 1, shape.tags)),
        "movieId": ids[rng.integers(0, shape.movies, shape.tags)],
        "tag": np.array([f"tag {n}" for n in range(5000)])[rng.integers(0, 5000, shape.tags)],
        "timestamp": rng.integers(_FIRST_SECOND, _LAST_SECOND, shape.tags),
    }
    pl.DataFrame(tags).write_csv(folder / "tags.csv")


def write_raw_set(folder: Path, shape: Shape, seed: int = 2020) -> None:
    """Writes ``ratings.csv``, ``movies.csv``, ``links.csv`` and ``tags.csv`` as ml-32m has them.

    Ratings lie by user and movie, as in the original, so that the order in time has to be restored.

    Args:
        folder: Made if it is not there.
        shape: Numbers of ratings, users, movies and tags.
        seed: Seed of all numbers.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    ids = rng.permutation(np.sort(rng.choice(np.arange(1, 4 * shape.movies), shape.movies, replace=False)))
    _write_movies(folder, shape, ids, rng)
    cumulative = np.cumsum(np.sort(np.exp(rng.normal(0, _POPULARITY_DEVIATION, shape.movies)))[::-1])
    activity = _activities(shape, rng)
    begin = 0
    with (folder / "ratings.csv").open("wb") as file:
        while begin < shape.users:
            total = np.cumsum(activity[begin : begin + _CHUNK_RATINGS // _LEAST_ACTIVITY])
            stop = begin + max(1, int(np.searchsorted(total, _CHUNK_RATINGS, side="right")))
            part = activity[begin:stop]
            users, items = _sequences(part, cumulative, rng)
            stars = rng.choice(np.arange(1, 11) / 2, len(users), p=_RATING_SHARES)
            columns = {"userId": users + begin + 1, "movieId": ids[items], "rating": stars}
            chunk = pl.DataFrame({**columns, "timestamp": _times(part, rng)}).sort("userId", "movieId")
            chunk.write_csv(file, include_header=begin == 0)
            begin = stop
