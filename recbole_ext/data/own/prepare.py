"""From a table of one's own to RecBole's atomic files, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recbole_ext.data.atomic_writer import Prepared, counts_of, new_set, write_inter, write_record
from recbole_ext.data.core import core_of
from recbole_ext.data.movielens.catalog import DATASETS
from recbole_ext.data.own.columns import ROLES, find_column, missing_column
from recbole_ext.data.own.events import EventColumns, Events, read_events
from recbole_ext.data.own.items import ItemColumns, Items, find_item_columns, read_items, write_items
from recbole_ext.data.own.settings import ColumnNames, Settings
from recbole_ext.data.own.source import open_table
from recbole_ext.data.own.tables import Table
from recbole_ext.data.place import alone, check_replaceable, is_prepared
from recbole_ext.errors import ConfigError
from recbole_ext.progress import stage

__all__ = ["prepare"]

Report = Callable[[str], object]

_NO_NAMES, _USUAL = ColumnNames(), Settings()
_NAME = re.compile(r"\w[\w.-]{0,99}")


@dataclass(frozen=True)
class _Tables:
    """What is read: the interactions, and the items where there are any."""

    events: Table
    event_columns: EventColumns
    items: Table | None
    item_columns: ItemColumns | None


def prepare(
    source: Any,
    dataset: str,
    *,
    items: Any = None,
    out: str | os.PathLike[str] = "dataset",
    columns: ColumnNames = _NO_NAMES,
    settings: Settings = _USUAL,
    core: tuple[int, int] | None = None,
    report: Report | None = None,
) -> Prepared:
    """Turns a table of interactions into RecBole's atomic files in ``OUT/DATASET``.

    An earlier set of that name is replaced in one step once the new one is complete; a folder that ``prepare`` did not
    write is never touched.

    Args:
        source: The interactions, as in :func:`open_table`.
        dataset: The name of the new set; not that of a MovieLens set.
        items: Titles and genres of the items, or None.
        out: The folder that receives ``DATASET/``.
        columns: Names of columns.
        settings: How the tables are read.
        core: Least numbers of interactions of a user and of an item in training, to say what they remove; or None.
        report: Receives one line at a time about what was found and done.

    Returns:
        What was prepared.

    Raises:
        ConfigError: A name or setting cannot be used, or several columns can be meant.
        DataError: A table is missing or damaged, lacks a column, or has a row that cannot be used; the message names
            the line.
        OutputError: ``out`` cannot be written.
    """
    say: Report = report or (lambda line: None)
    _check_name(dataset)
    settings.check()
    folder = Path(out) / dataset
    check_replaceable(folder)
    tables = _open(source, items, columns, settings, say)
    with alone(Path(out), dataset, say):
        if is_prepared(dataset, out):
            say(
                f"{dataset}: replaces the set of that name in {folder}; runs trained on it will refuse other data"
            )
        with stage(f"preparing {dataset}"), new_set(folder) as new:
            counts = _write(tables, dataset, new, settings, core, say)
    prepared = Prepared(dataset, folder, tables.events.origin, **counts)
    judge = "the order of the rows" if settings.tie_break == "file" else "a random draw"
    say(
        f"{dataset}: {prepared.interactions:,} interactions, {prepared.users:,} users, {prepared.items:,} items in "
        f"{folder} (from {prepared.origin}); {judge} decides held-out items of {prepared.tie_share:.1%} of the users"
    )
    return prepared


def _check_name(name: str) -> None:
    if name in DATASETS:
        raise ConfigError(
            f"{name!r} is the name of a MovieLens set: choose another --dataset for data of your own"
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"the data set's name {str(name)[:60]!r} cannot be a folder's: use letters, digits, '_', '-' and '.', "
            "such as --dataset=shop"
        )


def _open(source: Any, items: Any, columns: ColumnNames, settings: Settings, say: Report) -> _Tables:
    """Opens the tables and finds their columns; everything about names is refused before anything is read."""
    events = open_table(source)
    event_columns = _event_columns(events, columns, settings)
    _say_columns(events, asdict(event_columns), columns, say)
    if items is None:
        if columns.title or columns.genre or settings.genre_separator:
            raise ConfigError("titles and genres stand in a table of items: name its file with --items")
        return _Tables(events, event_columns, None, None)
    table = open_table(items, "the frame of items")
    found = find_item_columns(table, event_columns.item, columns.item, columns.title, columns.genre)
    _say_columns(table, asdict(found), columns, say)
    return _Tables(events, event_columns, table, found)


def _event_columns(table: Table, given: ColumnNames, settings: Settings) -> EventColumns:
    columns, place = table.columns, table.header
    user = find_column(columns, ROLES["user"], given.user, place)
    item = find_column(columns, ROLES["item"], given.item, place)
    time = None if settings.file_order else find_column(columns, ROLES["time"], given.time, place)
    rating = None if settings.implicit else find_column(columns, ROLES["rating"], given.rating, place)
    if user is None:
        raise missing_column(columns, ROLES["user"], place)
    if item is None:
        raise missing_column(columns, ROLES["item"], place)
    if time is None and not settings.file_order:
        hint = ", or say with --file-order that the rows are in the order in which they happened"
        raise missing_column(columns, ROLES["time"], place, hint)
    found = EventColumns(user, item, time, rating)
    doubled = next((name for name in found.names() if found.names().count(name) > 1), None)
    if doubled is not None:
        raise ConfigError(f"{place} has one column {doubled!r}, which cannot be two things: name another one")
    return found


def _say_columns(table: Table, found: Mapping[str, str | None], given: ColumnNames, say: Report) -> None:
    """One line for each column, with how it was found, and one for what is not used."""
    for remark in table.remarks:
        say(f"{table.origin}: {remark}")
    for role, column in found.items():
        if column is not None:
            named = getattr(given, role) == column
            how = "" if named else f" (guessed; {ROLES[role].option} names another)"
            say(f"{table.origin}: {role} is the column {column!r}{how}")
    rest = [column for column in table.columns if column not in found.values()]
    if rest:
        shown = ", ".join(rest[:8]) + (", ..." if len(rest) > 8 else "")
        say(f"{table.origin}: not used: {shown}")


def _write(
    tables: _Tables, name: str, new: Path, settings: Settings, core: tuple[int, int] | None, say: Report
) -> dict[str, Any]:
    """Writes all files of the set; the items come first, since a fault in them shows before the long part."""
    items = None
    if tables.items is not None and tables.item_columns is not None:
        items = read_items(tables.items, tables.item_columns, settings.genre_separator)
        write_items(new / f"{name}.item", items)
    say(f"{name}: reading {tables.events.place}")
    events = read_events(
        tables.events,
        tables.event_columns,
        unit=settings.time_unit,
        tie_break=settings.tie_break,
        seed=settings.seed,
        repeats=settings.repeats,
        say=say,
    )
    _say_events(tables.events.origin, events, settings, say)
    if items is not None and tables.items is not None:
        _say_items(tables.items.origin, items, events, say)
    data = events.columns
    if core is not None:
        found = core_of(data.users, data.items, *core)
        left = "" if found.keep.any() else ", that is, all: train with smaller ones"
        say(
            f"{name}: in training {found.removed.words()}{left} (min_user_interactions={core[0]}, "
            f"min_item_interactions={core[1]})"
        )
    say(f"{name}: writing {len(data):,} interactions")
    write_inter(new / f"{name}.inter", _told(events, name, say), data)
    counts = counts_of(events.frame(), len(data.user_tokens), len(data.item_tokens))
    write_record(new, {"name": name, **_record(tables, events, items, settings), **counts})
    return counts


def _told(events: Events, name: str, say: Report) -> Iterator[pl.DataFrame]:
    """The pieces of the ``.inter`` file; says after each how far writing is."""
    done, total = 0, len(events.columns)
    for piece in events.pieces():
        yield piece
        done += piece.height
        if done < total:
            say(f"{name}: {done:,} of {total:,} interactions written")


def _say_events(origin: str, events: Events, settings: Settings, say: Report) -> None:
    say(f"{origin}: times are {events.time_words}")
    if not events.rated:
        say(f"{origin}: no ratings: every row is an interaction")
    if events.repeats and settings.repeats == "keep":
        say(
            f"{origin}: {events.repeats:,} of {events.rows:,} rows repeat an item of their user: train with "
            "--mask_seen=false, or prepare with --repeats=first or --repeats=last"
        )
    elif events.repeats:
        say(
            f"{origin}: {events.repeats:,} of {events.rows:,} rows are left out (--repeats={settings.repeats})"
        )


def _say_items(origin: str, items: Items, events: Events, say: Report) -> None:
    tokens, known = items.frame["item_id"], events.columns.item_tokens
    if items.separator is not None:
        say(f"{origin}: genres are separated by {items.separator!r}")
    if items.doubled:
        say(f"{origin}: {items.doubled:,} rows name an item again: the first row of an item counts")
    idle = len(tokens) - int(tokens.is_in(known.implode()).sum())
    absent = len(known) - int(known.is_in(tokens.implode()).sum())
    words = f", {idle:,} of them without interactions" if idle else ""
    words += f"; {absent:,} items with interactions are not in it" if absent else ""
    say(f"{origin}: {len(tokens):,} items{words}")


def _record(tables: _Tables, events: Events, items: Items | None, settings: Settings) -> dict[str, Any]:
    """Where the set came from: names without folders, columns, units, options."""
    record: dict[str, Any] = {
        "origin": tables.events.origin,
        "columns": asdict(tables.event_columns),
        "times": events.time_words,
        "rows": events.rows,
        "repeats": events.repeats,
        "repeats_kept": settings.repeats,
        "tie_break": settings.tie_break,
        "seed": settings.seed if settings.tie_break == "random" else None,
    }
    if items is not None and tables.items is not None and tables.item_columns is not None:
        record["items_origin"] = tables.items.origin
        record["items_columns"] = asdict(tables.item_columns)
        record["genre_separator"] = items.separator
        record["items_listed"] = items.frame.height
    return record
