"""A table from a path, by its ending, or from a frame."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from recbole_ext.data.own.tables import Table
from recbole_ext.data.own.text_tables import COMPRESSIONS, JsonTable, SeparatedTable
from recbole_ext.data.own.typed_tables import FrameTable, ParquetTable
from recbole_ext.errors import DataError

__all__ = ["open_table"]

_USUAL_SEPARATOR = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".inter": "\t", ".item": "\t"}
_JSON = (".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet", ".pq")


def open_table(source: Any, what: str = "the frame") -> Table:
    """A table from a path, by its ending, or from a frame.

    Args:
        source: The path of a csv, tsv, JSON lines or parquet file, text also compressed (``.gz``, ``.zst``), or a
            frame of polars or pandas.
        what: How messages call a frame.

    Raises:
        DataError: It does not exist, is of another kind, empty or damaged.
        ConfigError: It is neither a path nor a frame.
    """
    if not isinstance(source, str | os.PathLike):
        return FrameTable(source, what)
    path = Path(source).expanduser()
    if not path.is_file():
        problem = "is a folder: name one file" if path.is_dir() else "does not exist: check the path"
        raise DataError(f"{path} {problem}")
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    ending = endings[-1] if endings else ""
    if ending in _USUAL_SEPARATOR:
        return SeparatedTable(path, _USUAL_SEPARATOR[ending])
    if ending in _JSON:
        return JsonTable(path)
    if ending in _PARQUET and path.suffix.lower() == ending:
        return ParquetTable(path)
    raise DataError(
        f"{path} has no ending that says what it holds: call it .csv, .tsv, .jsonl or .parquet (text also .gz or "
        ".zst), after what it is"
    )
