"""A cache of the columns of an ``.inter`` file in an Arrow file beside it, which opens without parsing."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from recbole_ext.data.atomic_reader import Columns, parse_inter, unusable
from recbole_ext.data.files import whole
from recbole_ext.errors import OutputError

__all__ = ["cache_path", "read_columns", "write_cache"]

_VERSION = b"1"
_FIELDS = {
    "user_id": pa.dictionary(pa.int32(), pa.string()),
    "item_id": pa.dictionary(pa.int32(), pa.string()),
    "rating": pa.float32(),
    "timestamp": pa.int64(),
}
_log = logging.getLogger(__name__)


class _DamageError(Exception):
    """The cache is damaged."""


def cache_path(path: Path) -> Path:
    """Returns the path of the cache of an ``.inter`` file: ``NAME.inter.arrow``."""
    return path.with_name(path.name + ".arrow")


def read_columns(path: Path) -> Columns:
    """Reads the columns of an ``.inter`` file from its cache, or else from its text, and then writes a cache.

    The cache stores the SHA-256 of its source text and of its own columns, so that a stale or damaged cache is never
    used, regardless of file dates. Columns may be memory-mapped and are read-only.

    Raises:
        DataError: The file is missing, empty or malformed; the message names the line.
    """
    cache = cache_path(path)
    if path.is_file() and cache.is_file():
        try:
            columns = _read(cache, _digest_of_file(path))
        except (_DamageError, pa.ArrowException, OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            _log.warning(
                "%s is damaged (%s): reading %s instead and rebuilding the cache", cache, reason, path
            )
        else:
            tokens = () if columns is None else (columns.user_tokens, columns.item_tokens)
            # An earlier version may have written tokens that the text's reader refuses, with their line.
            if columns is not None and all(unusable(each) is None for each in tokens):
                return columns
    columns = parse_inter(path)
    write_cache(path, columns)
    return columns


def write_cache(path: Path, columns: Columns) -> None:
    """Writes the cache of an ``.inter`` file atomically.

    If the folder is not writable, there is no cache and the text is parsed each time.

    Args:
        path: The ``.inter`` file, complete.
        columns: The columns of its text.
    """
    cache = cache_path(path)
    tokens = {"user_id": columns.user_tokens.to_arrow(), "item_id": columns.item_tokens.to_arrow()}
    # Through polars: pyarrow imports pandas to convert a numpy array.
    users, items, ratings, times = (
        pl.Series(values).to_arrow()
        for values in (columns.users, columns.items, columns.ratings, columns.times)
    )
    arrays = [
        pa.DictionaryArray.from_arrays(users, tokens["user_id"].cast(pa.string())),
        pa.DictionaryArray.from_arrays(items, tokens["item_id"].cast(pa.string())),
        ratings,
        times,
    ]
    metadata = {"version": _VERSION, "source": _digest_of_file(path), "columns": _digest_of(columns)}
    schema = pa.schema(list(_FIELDS.items()), metadata=metadata)
    try:
        with whole(cache, "folder", durable=False) as partial:
            with partial.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            partial.chmod(path.stat().st_mode & 0o777)
    except OutputError as error:
        _log.info("%s; until then the text is parsed each time", error)


def _read(cache: Path, source: bytes) -> Columns | None:
    """Reads the cache; None if it was made from another text or by another version."""
    with pa.memory_map(str(cache)) as file:
        reader = pa.ipc.open_file(file)
        metadata = reader.schema.metadata or {}
        if metadata.get(b"version") != _VERSION or metadata.get(b"source") != source:
            return None
        if not reader.schema.equals(pa.schema(list(_FIELDS.items()))) or reader.num_record_batches != 1:
            raise _DamageError("it has other columns")
        batch = reader.get_batch(0)
        users, items, ratings, times = batch.columns
        for tokens in (users.dictionary, items.dictionary):
            tokens.validate(full=True)
        columns = Columns(
            users=_values(users.indices),
            items=_values(items.indices),
            ratings=_values(ratings),
            times=_values(times),
            user_tokens=pl.Series(users.dictionary.to_pylist(), dtype=pl.String),
            item_tokens=pl.Series(items.dictionary.to_pylist(), dtype=pl.String),
        )
        if metadata.get(b"columns") != _digest_of(columns):
            raise _DamageError("its check sum is wrong")
        return columns


def _values(array: pa.Array) -> np.ndarray:
    """A read-only view of a column without gaps, through polars, because pyarrow's own conversion imports pandas."""
    array.validate()
    if array.null_count:
        raise _DamageError("a column has gaps")
    return pl.Series(array).to_numpy(allow_copy=False)


def _digest_of(columns: Columns) -> bytes:
    digest = hashlib.sha256()
    for array in (columns.users, columns.items, columns.ratings, columns.times):
        digest.update(len(array).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(array).data)
    digest.update("\n".join((*columns.user_tokens, "", *columns.item_tokens)).encode())
    return digest.hexdigest().encode()


def _digest_of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()
