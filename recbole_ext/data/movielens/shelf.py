"""The data sets that can be named: the published MovieLens sets, and whatever atomic files are on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.data.movielens.sources import RECORD_FILE, find_source
from recbole_ext.errors import DataError

__all__ = ["ShelvedSet", "shelf"]


@dataclass(frozen=True)
class ShelvedSet:
    """A data set that ``--dataset`` takes.

    Attributes:
        name: Its name.
        users, items, interactions: Its size before any filter: as prepared if it is, else as published; None where
            nobody has counted.
        place: Its atomic files, or the raw copy that they would be written from; None if it is not on this machine.
        prepared: Whether ``place`` holds atomic files.
    """

    name: str
    users: int | None
    items: int | None
    interactions: int | None
    place: Path | None
    prepared: bool


def shelf(out: Path = Path("dataset")) -> list[ShelvedSet]:
    """The sets by name, published ones first.

    Args:
        out: The folder of the atomic files, with a folder for each set.
    """
    own = sorted(
        path.parent.name
        for path in out.glob("*/*.inter")
        if path.stem == path.parent.name and path.stem not in DATASETS
    )
    return [_shelved(name, out / name) for name in (*DATASETS, *own)]


def _shelved(name: str, folder: Path) -> ShelvedSet:
    published = DATASETS.get(name)
    counted: Mapping[str, Any] = {}
    if published is not None:
        counted = {"users": published.users, "items": published.items, "interactions": published.ratings}
    prepared = (folder / f"{name}.inter").is_file()
    if prepared:
        counted = {**counted, **_recorded(folder)}
    place = folder if prepared else _raw_copy(name) if published is not None else None
    sizes = (counted.get(key) for key in ("users", "items", "interactions"))
    users, items, interactions = (value if isinstance(value, int) else None for value in sizes)
    return ShelvedSet(name, users, items, interactions, place, prepared)


def _recorded(folder: Path) -> dict[str, Any]:
    """What ``prepare`` has counted; empty for atomic files from elsewhere."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _raw_copy(name: str) -> Path | None:
    try:
        return find_source(name)
    except DataError:
        return None
