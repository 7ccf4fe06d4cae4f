"""Data sets from Python: a MovieLens set by its name, or interactions of one's own from a file or a frame."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recbole_ext.config.read import default_core
from recbole_ext.data.movielens.catalog import DATASETS, find_dataset
from recbole_ext.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from recbole_ext.data.atomic_writer import Prepared

    Table = str | os.PathLike[str] | pd.DataFrame | pl.DataFrame | pl.LazyFrame

__all__ = ["prepare"]


def prepare(
    data: Table,
    dataset: str | None = None,
    *,
    items: Table | None = None,
    user_column: str | None = None,
    item_column: str | None = None,
    time_column: str | None = None,
    rating_column: str | None = None,
    title_column: str | None = None,
    genre_column: str | None = None,
    genre_separator: str | None = None,
    time_unit: Literal["s", "ms", "us", "ns"] | None = None,
    file_order: bool = False,
    implicit: bool = False,
    repeats: Literal["keep", "first", "last"] = "keep",
    tie_break: Literal["file", "random"] = "file",
    seed: int = 2020,
    out: str | os.PathLike[str] = "dataset",
    source: str | os.PathLike[str] | None = None,
    download: bool = True,
    genome: bool = False,
    progress: bool = True,
) -> Prepared:
    """Makes a data set that ``train(dataset=...)`` takes.

    ``prepare(frame, "shop", items=frame)`` takes data of one's own; ``prepare("ml-100k")`` a MovieLens set.

    Args:
        data: The interactions, one a row: the path of a csv, tsv, JSON lines or parquet file (text also ``.gz`` or
            ``.zst``), or a pandas or polars frame; or the name of a MovieLens set.
        dataset: The name of the new set, for data of one's own.
        items: Titles and genres of the items, a file or a frame.
        user_column, item_column, time_column, rating_column, title_column, genre_column: Names of columns; those that
            are None are guessed where a name is clear, and the guess is printed.
        genre_separator: What separates the genres of an item; found out among ``|``, ``,`` and ``;`` if None.
        time_unit: Unit of times that are numbers; found out if None.
        file_order: Whether the order of the rows takes the place of times.
        implicit: Whether ratings are left out.
        repeats: What to do with an item that a user has several times: ``keep`` all, the ``first`` or the ``last``.
        tie_break: Order among equal times of a user: ``file`` as in the data, or ``random``.
        seed: Seed of the random order.
        out: The folder that receives the set's folder.
        source: MovieLens: its folder, its parent or the original zip.
        download: MovieLens: whether it may be downloaded.
        genome: MovieLens: whether the tag genome scores are written.
        progress: Whether to print what is found and done.

    Returns:
        What was prepared: name, folder, counts.

    Raises:
        ConfigError: A name or option cannot be used, or several columns can be meant.
        DataError: The data is missing or damaged, lacks a column, or has a row that cannot be used.
        DownloadError: A MovieLens set is not on this machine and could not be fetched.
        OutputError: ``out`` cannot be written.
    """
    say = _say if progress else None
    if isinstance(data, str) and data in DATASETS and dataset in (None, data):
        from recbole_ext.data.movielens import prepare as convert

        return convert(
            data,
            source=source,
            out=Path(out).expanduser(),
            download=download,
            tie_break=tie_break,
            seed=seed,
            genome=genome,
            report=say,
        )
    if dataset is None:
        if isinstance(data, str) and not Path(data).expanduser().exists():
            find_dataset(data)
        raise ConfigError("data of your own needs a name: prepare(data, dataset='shop')")
    if source is not None or genome:
        raise ConfigError("source and genome are of MovieLens sets: leave them out for data of your own")
    from recbole_ext.data.own import ColumnNames, Settings
    from recbole_ext.data.own import prepare as convert_own

    return convert_own(
        data,
        dataset,
        items=items,
        out=Path(out).expanduser(),
        columns=ColumnNames(user_column, item_column, time_column, rating_column, title_column, genre_column),
        settings=Settings(file_order, implicit, time_unit, repeats, genre_separator, tie_break, seed),
        core=default_core(),
        report=say,
    )


def _say(words: Any) -> None:
    print(words, flush=True)
