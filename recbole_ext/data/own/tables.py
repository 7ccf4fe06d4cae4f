"""A table of one's own, whatever its form: its columns, its rows in pieces, and where a row stands."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from recbole_ext.errors import DataError

__all__ = ["FileTable", "RowFaultError", "Table", "no_rows"]


class RowFaultError(Exception):
    """A row that cannot be used.

    Attributes:
        row: Its number, from 0 on.
        text: What is wrong with it, without its place.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row
        self.text = text


class Table(ABC):
    """Rows with named columns.

    Attributes:
        place: How messages call the table: a path or "the frame".
        origin: Its name without folders, for the record.
        columns: Names of the columns in their order.
        header: How messages call the place where the columns are named.
        remarks: What was found out about its form, one line each.
    """

    place: str
    origin: str
    columns: tuple[str, ...]
    header: str
    remarks: tuple[str, ...] = ()

    @abstractmethod
    def pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The wanted columns, some rows at a time, in order: text, or typed where the table has types.

        Raises:
            DataError: The table is damaged, or a file changed while it was read.
        """

    @abstractmethod
    def row_place(self, row: int) -> str:
        """Where a row (from 0 on) stands, for the beginning of a message."""

    def fault(self, fault: RowFaultError) -> DataError:
        """The error of a row that cannot be used."""
        return DataError(f"{self.row_place(fault.row)}: {fault.text}")


class FileTable(Table):
    """A table in a file, which must stay as it is while it is read.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        self.origin = path.name
        self.header = str(path)
        self._state = _state(path)

    def check_unchanged(self) -> None:
        """Refuses what was read if the file has changed since.

        Raises:
            DataError: It has.
        """
        if _state(self.path) != self._state:
            raise DataError(
                f"{self.path} changed while it was read: prepare again when it is written completely"
            )

    def damaged(self, reason: object) -> DataError:
        """The error of a file that cannot be read; that it changed is the better reason."""
        try:
            self.check_unchanged()
        except DataError as error:
            return error
        first = (str(reason).splitlines() or ["unknown"])[0][:200].rstrip(" .")
        return DataError(f"{self.path} cannot be read ({first}): save or copy it again")

    def pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """As :meth:`Table.pieces`; the state of the file is looked at after the last one."""
        yield from self._pieces(wanted)
        self.check_unchanged()

    @abstractmethod
    def _pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]: ...


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def no_rows(table: Table) -> DataError:
    """The error of a table without rows."""
    return DataError(f"{table.place} has columns and no rows: give a file with data")
