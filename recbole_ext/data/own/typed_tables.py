"""Tables with types: parquet files, and frames of polars and pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from recbole_ext.data.own.tables import FileTable, Table
from recbole_ext.errors import ConfigError, DataError

__all__ = ["FrameTable", "ParquetTable"]

_ROWS = 2**20


class ParquetTable(FileTable):
    """A parquet file.

    Args:
        path: The file.

    Raises:
        DataError: It is damaged or no parquet file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            with pa.parquet.ParquetFile(path) as file:
                self.columns = tuple(file.schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def _pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        try:
            with pa.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=_ROWS, columns=list(wanted)):
                    yield cast(pl.DataFrame, pl.from_arrow(batch)).select(wanted)
        except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise self.damaged(error) from error

    def row_place(self, row: int) -> str:
        """The row, counted from 1."""
        return f"{self.path}, row {row + 1}"


class FrameTable(Table):
    """A frame of polars or pandas.

    Args:
        frame: The frame; the index of a pandas frame is left out.
        what: How messages call it.

    Raises:
        ConfigError: It is something else.
        DataError: A column has values of several types.
    """

    def __init__(self, frame: Any, what: str = "the frame") -> None:
        self.place = self.header = what
        library = type(frame).__module__.partition(".")[0]
        self.origin = f"a {library} frame"
        self._frame = _as_polars(frame, what)
        self.columns = tuple(self._frame.columns)

    def pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """As :meth:`Table.pieces`."""
        yield from self._frame.select(wanted).iter_slices(_ROWS)

    def row_place(self, row: int) -> str:
        """The row, counted from 0 as in a frame."""
        return f"{self.place}, row {row} (counted from 0)"


def _as_polars(frame: Any, what: str) -> pl.DataFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if type(frame).__module__.partition(".")[0] != "pandas" or not hasattr(frame, "columns"):
        raise ConfigError(
            f"{what} is of type {type(frame).__name__}: give a pandas or polars frame, or the path of a file"
        )
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{what} has the column {doubled!r} twice: rename or remove one of them")
    try:
        found = pl.from_pandas(frame.set_axis(names, axis=1))
    except (pa.ArrowException, pl.exceptions.PolarsError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise DataError(f"{what} has a column of several types ({reason}): convert it to one type") from error
    return found
