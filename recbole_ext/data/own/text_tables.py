"""Tables in text: csv, tsv and JSON lines, plain or compressed, read in pieces of some megabytes."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv

from recbole_ext.data.own.tables import FileTable
from recbole_ext.errors import DataError

__all__ = ["COMPRESSIONS", "JsonTable", "SeparatedTable"]

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_PIECE_BYTES = 32 * 2**20
_LONGEST_RECORD = 64 * 2**20
_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_LOOKED_AT = 200
"""Lines of JSON whose keys are the columns."""


def _open(path: Path) -> IO[bytes]:
    """The bytes of a file, uncompressed."""
    stream = pa.input_stream(str(path), compression=COMPRESSIONS.get(path.suffix.lower()))
    return cast(IO[bytes], stream)


def _first_line(table: FileTable) -> tuple[str, int]:
    """The first line without its end, and how many bytes it takes with a byte-order mark."""
    try:
        with _open(table.path) as file:
            start = file.read(2**20)
    except OSError as error:
        raise table.damaged(error) from error
    if not start.strip():
        raise DataError(f"{table.path} is empty: give a file with data")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        raise DataError(f"{table.path} is not text in UTF-8: save it as UTF-8")
    lines = start.splitlines(keepends=True)
    try:
        return lines[0].decode("utf-8-sig").rstrip("\r\n"), len(lines[0])
    except UnicodeDecodeError as error:
        raise DataError(f"{table.path} is not text in UTF-8 ({error.reason}): save it as UTF-8") from None


def _records(table: FileTable, skipped: int, quoted: bool) -> Iterator[bytes]:
    """The file after its first bytes, cut at ends of records; a record may hold line ends in quotes."""
    with _open(table.path) as file:
        file.read(skipped)
        rest = b""
        while block := file.read(_PIECE_BYTES):
            block = rest + block
            end = _last_end(block, quoted)
            if end == 0 and len(block) > _LONGEST_RECORD:
                raise DataError(f"{table.path} has a record of more than 64 MiB, as where a quote stays open")
            if end:
                yield block[:end]
            rest = block[end:]
        if rest:
            yield rest


def _last_end(block: bytes, quoted: bool) -> int:
    """Where the last whole record of a block ends; 0 if none does."""
    end = len(block)
    marks = block.count(b'"') if quoted else 0
    while (cut := block.rfind(b"\n", 0, end) + 1) > 0:
        marks -= block.count(b'"', cut, end) if quoted else 0
        if marks % 2 == 0:
            return cut
        end = cut - 1
    return 0


class SeparatedTable(FileTable):
    """A csv or tsv file with a header.

    Args:
        path: The file.
        usual: The separator that its ending promises.

    Raises:
        DataError: It is empty, damaged, not UTF-8, or its columns cannot be told apart.
    """

    def __init__(self, path: Path, usual: str) -> None:
        super().__init__(path)
        line, self._skipped = _first_line(self)
        self._separator = self._find_separator(line, usual)
        if self._separator != usual:
            self.remarks = (f"columns are separated by {_SEPARATORS[self._separator]}",)
        self.header = f"{path}, line 1,"
        self.columns = tuple(name.strip() for name in self._split(line))

    def _split(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._separator, strict=True))
        except csv.Error as error:
            raise DataError(f"{self.path}, line 1: {error}; correct the header") from None

    def _find_separator(self, line: str, usual: str) -> str:
        if usual in line:
            return usual
        others = [one for one in _SEPARATORS if one in line]
        if len(others) == 1:
            return others[0]
        raise DataError(
            f"{self.path}, line 1, is {line[:80]!r}: separate its columns by commas, tabs, semicolons or bars, "
            "all by the same"
        )

    def _pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        names = [str(number) for number in range(len(self.columns))]
        chosen = [str(self.columns.index(column)) for column in wanted]
        convert = pa.csv.ConvertOptions(
            include_columns=chosen,
            column_types=dict.fromkeys(chosen, pa.string()),
            strings_can_be_null=False,
        )
        # polars fills short rows with gaps; pyarrow refuses them.
        parse = pa.csv.ParseOptions(delimiter=self._separator, newlines_in_values=True)
        try:
            for piece in _records(self, self._skipped, quoted=True):
                if not piece.strip(b"\r\n"):
                    continue
                read = pa.csv.ReadOptions(column_names=names, block_size=len(piece) + 1)
                rows = pa.csv.read_csv(pa.BufferReader(piece), read, parse, convert)
                frame = cast(pl.DataFrame, pl.from_arrow(rows))
                yield frame.rename(dict(zip(chosen, wanted, strict=True)))
        except (pa.ArrowException, OSError) as error:
            raise self._first_fault() or self.damaged(error) from error

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Each record of the file as its line number and its fields, the header first, slowly."""
        with _open(self.path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            reader = csv.reader(text, delimiter=self._separator, strict=True)
            for row in reader:
                if row:
                    yield reader.line_num, row

    def _first_fault(self) -> DataError | None:
        """The first record with another number of fields than the header; None if there is none."""
        line = 0
        try:
            for line, row in self._lines():
                if len(row) != len(self.columns):
                    return DataError(
                        f"{self.path}, line {line}: {len(row)} fields instead of {len(self.columns)}; fix or remove "
                        "the line"
                    )
        except csv.Error as error:
            return DataError(f"{self.path}, line {line + 1}: {error}; fix the line")
        except UnicodeDecodeError as error:
            return DataError(f"{self.path}, after line {line}: {error.reason}; save the file as UTF-8")
        except OSError:
            return None
        return None

    def row_place(self, row: int) -> str:
        """The line in the file, which is not the row's number where fields hold line ends."""
        try:
            line, _ = next(itertools.islice(self._lines(), row + 1, None))
        except (StopIteration, csv.Error, OSError, UnicodeDecodeError):
            return f"{self.path}, row {row + 1}"
        return f"{self.path}, line {line}"


class JsonTable(FileTable):
    """A file with one JSON object a line.

    Args:
        path: The file.

    Raises:
        DataError: It is empty, damaged, not UTF-8, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        _first_line(self)
        keys: dict[str, None] = {}
        try:
            for _, line in itertools.islice(self._lines(), _LOOKED_AT):
                keys.update(dict.fromkeys(self._keys(line)))
        except OSError as error:
            raise self.damaged(error) from error
        except ValueError as error:
            raise self._first_fault() or self.damaged(error) from error
        self.columns = tuple(keys)

    @staticmethod
    def _keys(line: str) -> list[str]:
        pairs = json.loads(line, object_pairs_hook=_Pairs)
        if not isinstance(pairs, _Pairs):
            raise ValueError("no object")
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise _DoubledError(next(key for key in keys if keys.count(key) > 1))
        return keys

    def _lines(self) -> Iterator[tuple[int, str]]:
        with _open(self.path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig")
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield number, line

    def _pieces(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        schema = dict.fromkeys(wanted, pl.String)
        try:
            for piece in _records(self, 0, quoted=False):
                text = piece.removeprefix(b"\xef\xbb\xbf")
                if text.strip():
                    yield pl.read_ndjson(io.BytesIO(text), schema=schema)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._first_fault() or self.damaged(error) from error

    def _first_fault(self) -> DataError | None:
        """The first line that is no JSON object; None if all are."""
        line = 0
        try:
            for line, text in self._lines():
                try:
                    self._keys(text)
                except _DoubledError as error:
                    return DataError(
                        f"{self.path}, line {line}, has {str(error)!r} twice: remove one of them"
                    )
                except ValueError:
                    return DataError(
                        f"{self.path}, line {line}, is not a JSON object: fix or remove the line"
                    )
        except UnicodeDecodeError as error:
            return DataError(f"{self.path}, after line {line}: {error.reason}; save the file as UTF-8")
        except OSError:
            return None
        return None

    def row_place(self, row: int) -> str:
        """The line in the file."""
        try:
            line, _ = next(itertools.islice(self._lines(), row, None))
        except (StopIteration, OSError, UnicodeDecodeError):
            return f"{self.path}, row {row + 1}"
        return f"{self.path}, line {line}"


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in their order, with those that occur twice."""


class _DoubledError(ValueError):
    """A key occurs twice in one object."""
