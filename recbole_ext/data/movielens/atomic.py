"""From a MovieLens set to RecBole's atomic files, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import polars as pl

from recbole_ext.data.atomic_reader import Columns, encode
from recbole_ext.data.atomic_writer import Prepared, counts_of, new_set, write_inter, write_record
from recbole_ext.data.features import missing_words
from recbole_ext.data.files import write_whole, writing
from recbole_ext.data.movielens import features
from recbole_ext.data.movielens.catalog import MovieLensDataset, find_dataset
from recbole_ext.data.movielens.download import download_zip
from recbole_ext.data.movielens.readers import LAYOUTS, first_fault, ratings_file, read_ratings
from recbole_ext.data.movielens.sources import find_source, set_folder, three_ways
from recbole_ext.data.movielens.tags import read_tag_uses, read_tags
from recbole_ext.data.movielens.unpack import unpack
from recbole_ext.data.ordering import TieBreak, duplicate_row, order_interactions
from recbole_ext.data.place import (
    OPTION,
    RECORD_FILE,
    alone,
    check_replaceable,
    is_prepared,
    temporary_folder,
)
from recbole_ext.data.text import clean, join_sequence
from recbole_ext.errors import ConfigError, DataError, DownloadError, nearest
from recbole_ext.progress import stage

__all__ = ["Prepared", "is_prepared", "prepare"]

_RAW_FILES = frozenset(
    f"{stem}.{ending}"
    for stem in ("ratings", "movies", "users", "tags", "links")
    for ending in ("csv", "dat")
) | {"u.data", "u.item", "u.user"}
_GENOME_FILES = frozenset(["genome-scores.csv"])
Report = Callable[[str], object]


@dataclass(frozen=True)
class _Options:
    """What decides how a set is written, as in :func:`prepare`."""

    tie_break: TieBreak
    seed: int
    genome: bool

    def record(self) -> dict[str, Any]:
        """As they stand in the record; the seed counts where something is drawn."""
        return {
            "tie_break": self.tie_break,
            "seed": self.seed if self.tie_break == "random" else None,
            "genome": self.genome,
        }


def prepare(
    name: str,
    *,
    source: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "dataset",
    download: bool = True,
    tie_break: TieBreak = "file",
    seed: int = 2020,
    genome: bool = False,
    report: Report | None = None,
    base_url: str | None = None,
) -> Prepared:
    """Turn a MovieLens set into RecBole's atomic files in ``OUT/NAME``.

    Without ``source``, files that are already there are kept if they were made with the same options.
    Ratings are sorted by user, exact integer time stamp and tie-break; RecBole cannot restore that order,
    since it reads time stamps as float32, in steps of 64 seconds.

    Args:
        name: Name of the set, for example ``ml-latest-small``.
        source: The set's folder, its parent or the original zip; always read anew.
        out: The folder that receives ``NAME/``.
        download: Whether to fetch the set from GroupLens where it is not found on this machine.
        tie_break: Order among equal time stamps of a user: ``file`` as in the source, or ``random``.
        seed: Seed of the random tie-break.
        genome: Whether to write tag genome scores (``genome:float_seq``) into the item file.
        report: Receives one line at a time about what is done; also turns the download's progress bar on.
        base_url: Another server with the same files, instead of GroupLens.

    Returns:
        What was prepared.

    Raises:
        ConfigError: An unknown set or option, or genome scores that the set does not have.
        DataError: The source is missing or malformed; the message names file and line.
        DownloadError: The set is not on this machine and could not be fetched.
        OutputError: ``out`` cannot be written.
    """
    dataset = find_dataset(name)
    options = _Options(tie_break, seed, genome)
    _check_options(dataset, options)
    say: Report = report or (lambda line: None)
    folder = Path(out) / name
    if source is None:
        existing = _existing(dataset, folder, options)
        if existing is not None:
            _say_result(existing, dataset, say)
            return existing
    check_replaceable(folder)
    with alone(Path(out), name, say):
        # Another process may have prepared it while this one waited, or been killed before.
        existing = _existing(dataset, folder, options) if source is None else None
        if existing is None:
            path = find_source(name, source)
            if path is None:
                path = _fetch(dataset, Path(out), download, base_url, say, show_progress=report is not None)
            say(f"{name}: reading {path}")
            with stage(f"preparing {name}"):
                existing = _convert(dataset, path, folder, options)
    _say_result(existing, dataset, say)
    return existing


def _convert(dataset: MovieLensDataset, path: Path, folder: Path, options: _Options) -> Prepared:
    """Reads a set's folder or zip and puts the atomic files into their place."""
    name, out = dataset.name, folder.parent
    check_replaceable(folder)
    with temporary_folder(out, f".{name}-raw-") as raw:
        if path.is_file():
            genome_files = _GENOME_FILES if options.genome else frozenset()
            unpack(path, raw, wanted=_RAW_FILES | {f"{name}.inter", f"{name}.item"} | genome_files)
        read_from = set_folder(dataset, raw, path) if path.is_file() else path
        with new_set(folder) as new:
            counts = _write_set(dataset, read_from, new, options)
            licence = {"licence": dataset.licence, "citation": dataset.citation}
            write_record(new, {"name": name, "origin": str(path), **counts, **options.record(), **licence})
    return Prepared(name, folder, str(path), licence=dataset.licence, **counts)


def _check_options(dataset: MovieLensDataset, options: _Options) -> None:
    tie_break, genome, seed = options.tie_break, options.genome, options.seed
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed {seed} is out of range: give a whole number from 0 to 2^32 - 1")
    known = get_args(TieBreak)
    if tie_break not in known:
        raise ConfigError(
            f"tie_break '{tie_break}' is unknown{nearest(tie_break, known)}; known: {', '.join(known)}"
        )
    if genome and not dataset.has_genome:
        raise ConfigError(f"{dataset.name} has no genome scores: leave genome out, or use ml-25m")


def _existing(dataset: MovieLensDataset, folder: Path, options: _Options) -> Prepared | None:
    if not is_prepared(dataset.name, folder.parent):
        return None
    record_path = folder / RECORD_FILE
    if not record_path.is_file():
        # The user's own atomic files: they are taken as they are, and only counted.
        path = folder / f"{dataset.name}.inter"
        ordered = order_interactions(read_ratings(path, LAYOUTS["atomic"]))
        counts = counts_of(ordered, ordered["user_id"].n_unique(), ordered["item_id"].n_unique())
        return Prepared(dataset.name, folder, str(folder), licence=dataset.licence, **counts)
    try:
        record = json.loads(record_path.read_text(encoding="utf-8"))
        if any(record[key] != value for key, value in options.record().items()):
            return None
        numbers = {key: record[key] for key in ("interactions", "users", "items", "tie_share")}
        return Prepared(dataset.name, folder, record["origin"], licence=dataset.licence, **numbers)
    except (ValueError, KeyError, TypeError):
        return None


def _fetch(
    dataset: MovieLensDataset,
    out: Path,
    download: bool,
    base_url: str | None,
    say: Report,
    *,
    show_progress: bool,
) -> Path:
    kept = out / f"{dataset.name}.zip"
    if kept.is_file():
        return kept
    if not download:
        raise DownloadError(f"{dataset.name} is not on this machine; {three_ways(dataset)}")
    say(f"{dataset.name}: not on this machine, downloading {dataset.url if base_url is None else base_url}")
    return download_zip(dataset, out, base_url=base_url, show_progress=show_progress)


def _say_result(prepared: Prepared, dataset: MovieLensDataset, say: Report) -> None:
    say(
        f"{prepared.name}: {prepared.interactions:,} interactions, {prepared.users:,} users, "
        f"{prepared.items:,} items in {prepared.folder} (from {prepared.origin}); "
        f"the tie-break decides held-out items of {prepared.tie_share:.1%} of the users"
    )
    if words := missing_words(prepared.folder / f"{prepared.name}.item"):
        say(f"{prepared.name}: features of items: {words}")
    say(f"{prepared.name}: licence: {prepared.licence}")
    say(f"{prepared.name}: cite: {dataset.citation}")


def _write_set(dataset: MovieLensDataset, source: Path, target: Path, options: _Options) -> dict[str, Any]:
    path, file_format = ratings_file(dataset, source)
    layout = LAYOUTS[file_format]
    # The films come first: they are small, and a fault in them shows before the long part.
    _write_items(dataset, source, file_format, target, options.genome)
    _write_users(dataset, source, file_format, target)
    _write_tags(dataset, source, file_format, target)
    ordered = order_interactions(read_ratings(path, layout), options.tie_break, options.seed)
    duplicate = duplicate_row(ordered)
    if duplicate is not None:
        raise DataError(
            first_fault(path, layout, duplicate=duplicate) or f"{path} has the row {duplicate} twice"
        )
    users, user_tokens = encode(ordered["user_id"])
    items, item_tokens = encode(ordered["item_id"])
    ratings, times = ordered["rating"].to_numpy(), ordered["timestamp"].to_numpy()
    columns = Columns(users, items, ratings, times, user_tokens, item_tokens)
    write_inter(target / f"{dataset.name}.inter", [ordered], columns)
    return counts_of(ordered, len(user_tokens), len(item_tokens))


def _by_number(identifier: str) -> tuple[int, str]:
    return (len(identifier), identifier) if identifier.isdigit() else (10**9, identifier)


def _write_items(
    dataset: MovieLensDataset, source: Path, file_format: str, target: Path, genome: bool
) -> None:
    movies = features.read_movies(source, file_format, dataset.name)
    header = ["item_id:token", "movie_title:token_seq", "release_year:token", "genres:token_seq"]
    links = features.read_links(source) if file_format == "csv" else {}
    tags = read_tags(source, file_format) if dataset.has_tags else {}
    scores = features.read_genome(source) if genome else {}
    header += ["imdb_id:token", "tmdb_id:token"] if links else []
    header += ["tags:token_seq"] if tags else []
    header += ["genome:float_seq"] if scores else []
    lines = ["\t".join(header)]
    for movie in sorted(movies, key=lambda movie: _by_number(movie.item_id)):
        row = [movie.item_id, clean(movie.title), movie.year, join_sequence(list(movie.genres))]
        row += map(clean, links.get(movie.item_id, ("", ""))) if links else []
        row += [join_sequence(tags.get(movie.item_id, []))] if tags else []
        row += [scores.get(movie.item_id, "")] if scores else []
        lines.append("\t".join(row))
    write_whole(target / f"{dataset.name}.item", "\n".join(lines) + "\n", OPTION)


def _write_users(dataset: MovieLensDataset, source: Path, file_format: str, target: Path) -> None:
    users = features.read_users(source, file_format, dataset.name) if dataset.has_users else []
    if not users:
        return
    lines = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    for user in sorted(users, key=lambda user: _by_number(user.user_id)):
        fields = (user.user_id, user.age, user.gender, user.occupation, user.zip_code)
        lines.append("\t".join(clean(field) for field in fields))
    write_whole(target / f"{dataset.name}.user", "\n".join(lines) + "\n", OPTION)


def _write_tags(dataset: MovieLensDataset, source: Path, file_format: str, target: Path) -> None:
    """Who gave which tag when: features of films must know of no tag that is given later than training ends."""
    uses = read_tag_uses(source, file_format) if dataset.has_tags else None
    if uses is None or uses.is_empty():
        return
    path = target / f"{dataset.name}.tags"
    with writing(target, OPTION, also=(pl.exceptions.PolarsError,)):
        uses.write_csv(path, separator="\t", quote_style="never")
