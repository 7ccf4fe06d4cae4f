"""Small text files: their encoding, their lines, and values that RecBole can read back."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.errors import DataError

__all__ = [
    "NO_GENRES",
    "clean",
    "csv_rows",
    "encoding_of",
    "join_sequence",
    "split_lines",
    "token",
    "too_short",
]

_CHUNK_BYTES = 1024**2

NO_GENRES = "(no genres listed)"
"""What MovieLens writes where a film has no genre."""

# Values that pandas, and so RecBole, reads as missing: a film may be called "Null".
_PANDAS_MISSING = frozenset(
    (
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)


def encoding_of(path: Path) -> str:
    """The encoding of a text file: UTF-8 (a byte-order mark is skipped), or else Latin-1.

    The older sets are Latin-1. Their accented letters are practically never valid UTF-8, so trying is safe.

    Raises:
        DataError: The file is missing, empty, or not text in either encoding.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, size = True, 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                if b"\0" in chunk:
                    raise DataError(f"{path} is not text in UTF-8 or Latin-1: save it as UTF-8")
                if is_utf8:
                    try:
                        decoder.decode(chunk)
                    except UnicodeDecodeError:
                        is_utf8 = False
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give the whole data set") from error
    if size == 0:
        raise DataError(f"{path} is empty: fetch the data set again")
    return "utf-8-sig" if is_utf8 else "latin-1"


def split_lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The non-empty lines of a file, each as its number (from 1) and its fields."""
    with path.open(encoding=encoding_of(path), newline="\n") as file:
        for number, line in enumerate(file, start=1):
            text = line.rstrip("\r\n")
            if text:
                yield number, text.split(separator)


def too_short(path: Path, line: int, have: int, want: int) -> DataError:
    """The error for a line with another number of fields than it must have."""
    return DataError(f"{path}, line {line}: {have} fields instead of {want}; fix or remove the line")


def csv_rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv file with a header, each as its line number and the values of the required columns.

    Raises:
        DataError: A column is missing, a row has another number of fields than the header, or a quote
            stays open.
    """
    with path.open(encoding=encoding_of(path), newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            for name in required:
                if name not in header:
                    raise DataError(
                        f"{path}, line 1: the column '{name}' is missing (found: {', '.join(header)}); "
                        "give the original file"
                    )
            wanted = [header.index(name) for name in required]
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {reader.line_num}: {len(row)} fields instead of {len(header)}; "
                        "fix or remove the line"
                    )
                yield reader.line_num, [row[position] for position in wanted]
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}; fix the line") from error


def token(value: str) -> str:
    """An identifier in its one spelling: without spaces around it and, if a number, without leading zeros."""
    stripped = value.strip()
    return str(int(stripped)) if stripped.isascii() and stripped.isdigit() else stripped


def clean(value: str) -> str:
    """Text for one field of an atomic file: one line, single spaces, no ``"``, which starts quoting there."""
    text = " ".join(value.replace('"', "'").replace("\0", " ").split())
    # pandas compares the whole field, and RecBole drops the empty word that the space would make.
    return f"{text} " if text in _PANDAS_MISSING else text


def join_sequence(values: list[str]) -> str:
    """A ``token_seq`` field: values separated by spaces, with ``_`` for the spaces inside a value."""
    return clean(" ".join("_".join(value.split()) for value in values))
