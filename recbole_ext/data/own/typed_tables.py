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
        self._frame = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
        if library not in ("pandas", "polars") or not hasattr(self._frame, "columns"):
            raise ConfigError(
                f"{what} is of type {type(frame).__name__}: give a pandas or polars frame, or the path of a file"
            )
        self.columns = tuple(str(name) for name in self._frame.columns)

    def pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """As :meth:`Table.pieces`."""
        if isinstance(self._frame, pl.DataFrame):
            yield from self._frame.select(wanted).iter_slices(_ROWS)
            return
        for start in range(0, len(self._frame), _ROWS):
            rows = self._frame.iloc[start : start + _ROWS]
            yield pl.DataFrame([self._column(rows, name) for name in wanted])

    def _column(self, rows: Any, name: str) -> pl.Series:
        """A column of a pandas frame; those that are not wanted may hold anything."""
        try:
            return pl.from_pandas(rows.iloc[:, self.columns.index(name)]).alias(name)
        except (pa.ArrowException, pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise DataError(
                f"{self.place}: the column {name!r} has values of several types: convert it to one type"
            ) from error

    def row_place(self, row: int) -> str:
        """The row, counted from 0 as in a frame."""
        return f"{self.place}, row {row} (counted from 0)"
