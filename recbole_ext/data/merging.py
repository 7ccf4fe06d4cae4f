"""A prepared set with further interactions, such as feedback, as a set of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

from recbole_ext.data.atomic_reader import Columns, encode, parse_inter
from recbole_ext.data.atomic_writer import Prepared, counts_of, new_set, write_inter, write_record
from recbole_ext.data.ordering import order_interactions
from recbole_ext.data.place import alone, check_replaceable
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.progress import stage

__all__ = ["merge_interactions"]


def merge_interactions(
    base: Path,
    more: Path,
    dataset: str,
    *,
    out: str | os.PathLike[str] = "dataset",
    report: Callable[[str], object] | None = None,
) -> Prepared:
    """Writes ``OUT/DATASET`` with the interactions of a prepared set and of an ``.inter`` file; items and users stay.

    A pair of a user and an item that the set has already is left out, so that data without repeats stay so.

    Args:
        base: Folder of the prepared set.
        more: The ``.inter`` file, such as ``feedback export`` writes.
        dataset: Name of the new set, another one than that of ``base``.
        out: The folder that receives it.
        report: Receives one line at a time about what was found and done.

    Raises:
        ConfigError: The name is that of ``base``.
        DataError: A file is missing or malformed, or only the set has ratings.
        OutputError: ``out`` cannot be written.
    """
    say = report or (lambda line: None)
    name = base.resolve().name
    inter, folder = base / f"{name}.inter", Path(out) / dataset
    if not inter.is_file():
        raise DataError(f"{base} is no prepared set (it has no {name}.inter): prepare it first")
    if not more.is_file():
        raise DataError(f"{more} does not exist: write it with 'feedback export'")
    if dataset == name:
        raise ConfigError(f"--dataset={dataset} is the set that is read: name the new one differently")
    check_replaceable(folder)
    with alone(Path(out), dataset, say), stage(f"preparing {dataset}"), new_set(folder) as new:
        old, added = _rows(inter), _rows(more)
        rated = "rating" in old.columns
        if rated and "rating" not in added.columns:
            raise DataError(
                f"{inter} has ratings and {more} has none: say what a choice is worth with 'feedback export --rating=4'"
            )
        fresh = added.join(old, on=["user_id", "item_id"], how="anti", maintain_order="left")
        ordered = order_interactions(pl.concat([old, fresh.select(old.columns)]))
        users, user_tokens = encode(ordered["user_id"])
        items, item_tokens = encode(ordered["item_id"])
        ratings = ordered["rating"] if rated else pl.Series("rating", [1.0] * ordered.height)
        columns = Columns(
            users,
            items,
            ratings.cast(pl.Float32).to_numpy(),
            ordered["timestamp"].to_numpy(),
            user_tokens,
            item_tokens,
        )
        write_inter(new / f"{dataset}.inter", [ordered], columns)
        for ending in (".item", ".user"):
            if (base / f"{name}{ending}").is_file():
                shutil.copyfile(base / f"{name}{ending}", new / f"{dataset}{ending}")
        counts = counts_of(ordered, len(user_tokens), len(item_tokens))
        origin = f"{name} and {more.name}"
        write_record(new, {"name": dataset, "origin": origin, "merged": fresh.height, **counts})
    left = added.height - fresh.height
    words = f"; {left:,} of its {added.height:,} rows are pairs that {name} has already" if left else ""
    say(f"{dataset}: {fresh.height:,} interactions of {more} are new{words}; {ordered.height:,} in {folder}")
    return Prepared(dataset, folder, origin, **counts)


def _rows(path: Path) -> pl.DataFrame:
    """``user_id``, ``item_id``, ``rating`` where the file has it, and ``timestamp``, with tokens as text."""
    columns = parse_inter(path)
    with path.open(encoding="utf-8") as file:
        rated = "rating:float" in file.readline()
    tokens = {
        "user_id": columns.user_tokens.gather(columns.users),
        "item_id": columns.item_tokens.gather(columns.items),
    }
    ratings = {"rating": columns.ratings} if rated else {}
    return pl.DataFrame({**tokens, **ratings, "timestamp": columns.times})
