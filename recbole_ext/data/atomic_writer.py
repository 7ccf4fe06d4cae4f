"""Atomic files of a prepared set: the .inter file with its column cache, and the record of where it came from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recbole_ext.data.atomic_cache import write_cache
from recbole_ext.data.atomic_reader import Columns
from recbole_ext.data.files import write_whole, writing
from recbole_ext.data.ordering import tie_share
from recbole_ext.data.place import OPTION, RECORD_FILE, check_replaceable, move_into_place, temporary_folder

__all__ = ["Prepared", "counts_of", "new_set", "write_inter", "write_record"]

_TYPED = {
    "user_id": "user_id:token",
    "item_id": "item_id:token",
    "rating": "rating:float",
    "timestamp": "timestamp:float",
}


@dataclass(frozen=True)
class Prepared:
    """A prepared set.

    Attributes:
        name: Name of the set.
        folder: ``OUT/NAME``, which holds ``NAME.inter`` and its column cache ``NAME.inter.arrow``, ``NAME.item`` and,
            if the set has it, ``NAME.user``.
        origin: Where the interactions came from: a path, an address, or the name of a file or frame.
        interactions: Number of interactions.
        users: Number of users with an interaction.
        items: Number of items with an interaction.
        tie_share: Share of users (0 to 1) whose held-out items, the last two, depend on the tie-break.
        licence: The set's terms in one sentence; empty for data of one's own.
    """

    name: str
    folder: Path
    origin: str
    interactions: int
    users: int
    items: int
    tie_share: float
    licence: str = ""


@contextlib.contextmanager
def new_set(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of ``folder`` if the block succeeds and is removed if not.

    Raises:
        OutputError: ``folder`` holds something that ``prepare`` did not write, or cannot be written.
    """
    check_replaceable(folder)
    with temporary_folder(folder.parent, f".{folder.name}-new-") as new:
        yield new
        move_into_place(new, folder)


def write_inter(path: Path, pieces: Iterable[pl.DataFrame], columns: Columns) -> None:
    """Writes an ``.inter`` file and its column cache.

    Args:
        path: The file.
        pieces: The rows in their order: ``user_id``, ``item_id``, ``rating`` where there are ratings, ``timestamp``.
        columns: The same rows for the cache.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path.parent, OPTION, also=(pl.exceptions.PolarsError,)), path.open("wb") as file:
        for place, piece in enumerate(pieces):
            chosen = {name: typed for name, typed in _TYPED.items() if name in piece.columns}
            text = piece.select(list(chosen)).rename(chosen)
            text.write_csv(file, separator="\t", quote_style="never", include_header=place == 0)
    write_cache(path, columns)


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes where a set came from and how it was made, beside it."""
    write_whole(folder / RECORD_FILE, json.dumps(record, indent=2) + "\n", OPTION)


def counts_of(ordered: pl.DataFrame, users: int, items: int) -> dict[str, Any]:
    """The counts of :class:`Prepared`, from interactions in the order of ``order_interactions``."""
    return {"interactions": ordered.height, "users": users, "items": items, "tie_share": tie_share(ordered)}
