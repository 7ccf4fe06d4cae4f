"""Recommendations as a file, written block by block, so that all people of a large set need little memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_ext.data.files import whole, writing
from recbole_ext.errors import ConfigError, OutputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_output", "write_recommendations"]

_FORMS = (".parquet", ".csv")


def check_output(path: Path) -> None:
    """Refuses a file that cannot be written, before hours of work.

    Raises:
        ConfigError: Its name ends neither in .parquet nor in .csv.
        OutputError: It exists, or its folder is a file.
    """
    if path.suffix not in _FORMS:
        raise ConfigError(
            f"{path} ends in {path.suffix or 'nothing'}: name a file that ends in .parquet or .csv"
        )
    if path.exists():
        raise OutputError(f"{path} exists already: choose another --output, or remove it")
    place = next((one for one in path.absolute().parents if one.exists()), None)
    if place is not None and not place.is_dir():
        raise OutputError(f"{path} cannot be written, since {place} is a file: choose another --output")


def write_recommendations(path: Path, blocks: Iterable[pl.DataFrame]) -> int:
    """Writes the blocks of :func:`~recbole_ext.recommend.recommendations.recommended` to one file.

    Args:
        path: A ``.parquet`` or ``.csv`` file that does not exist yet; a missing folder is made.
        blocks: Tables with the same columns.

    Returns:
        The number of rows.

    Raises:
        ConfigError, OutputError: As :func:`check_output`, or it cannot be written; nothing half-written is left.
    """
    import polars as pl

    check_output(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with whole(path, also=(pl.exceptions.PolarsError,)) as partial, _writer(partial, path.suffix) as write:
        for block in blocks:
            write(block)
            rows += block.height
    return rows


@contextlib.contextmanager
def _writer(path: Path, form: str) -> Iterator[Callable[[pl.DataFrame], None]]:
    """What appends a table to a file that is open until the block ends."""
    if form == ".csv":
        with path.open("wb") as file:
            yield lambda block: block.write_csv(file, include_header=file.tell() == 0)
        return
    import pyarrow.parquet

    open_file: list[pyarrow.parquet.ParquetWriter] = []

    def write(block: pl.DataFrame) -> None:
        table = block.to_arrow()
        if not open_file:
            open_file.append(pyarrow.parquet.ParquetWriter(path, table.schema))
        open_file[0].write_table(table)

    try:
        yield write
    finally:
        for one in open_file:
            one.close()
