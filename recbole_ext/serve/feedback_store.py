"""Where feedback is kept: a SQLite file that several processes share, or PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from recbole_ext.errors import ConfigError, RecBoleExtError

__all__ = ["FeedbackError", "Message", "Store", "open_store", "shown_address"]

_SECONDS_LOCKED = 1.0
_SECONDS_TO_CONNECT = 3
_SCHEMES = ("postgresql", "postgres")


class FeedbackError(RecBoleExtError):
    """Feedback cannot be kept, or not read."""


@dataclass(frozen=True)
class Message:
    """A list that was shown, and what was chosen of it.

    Attributes:
        id: One that comes again is kept once.
        time: Seconds since 1970, when the server received it.
        model, fingerprint: Who gave the list.
        dataset: What the model was trained on.
        person: Token or name; empty if nobody said.
        list_id: Identifier of the list; empty if nobody said.
        shown, chosen: Tokens, as JSON.
    """

    id: str
    time: int
    model: str
    fingerprint: str
    dataset: str
    person: str
    list_id: str
    shown: str
    chosen: str

    @property
    def chosen_items(self) -> list[str]:
        """The tokens that were chosen."""
        return [str(one) for one in json.loads(self.chosen)]


_COLUMNS = [one.name for one in fields(Message)]
_TABLE = (
    "CREATE TABLE IF NOT EXISTS feedback (id TEXT PRIMARY KEY, time BIGINT NOT NULL, "
    + ", ".join(f"{name} TEXT NOT NULL" for name in _COLUMNS[2:])
    + ")"
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM feedback ORDER BY time, id"


class Store(Protocol):
    """Keeps messages.

    Attributes:
        buffers: Whether messages wait in memory while it is away; otherwise they are refused.
    """

    buffers: bool

    def add(self, messages: Sequence[Message]) -> None:
        """Keeps all of them, or none; one whose id is there already is left out.

        Raises:
            FeedbackError: None was kept.
        """
        ...

    def messages(self) -> Iterator[Message]:
        """All of them, the oldest first.

        Raises:
            FeedbackError: They cannot be read.
        """
        ...

    def close(self) -> None:
        """Lets go of the file or server."""
        ...


def open_store(address: str) -> Store:
    """The store at an address; it is connected when it is first needed.

    Args:
        address: A path, or a ``postgresql://`` URL.

    Raises:
        ConfigError: The URL is of another kind, or psycopg is missing.
    """
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in _SCHEMES:
        return PostgresStore(address)
    if scheme:
        raise ConfigError(f"feedback in {scheme}:// is unknown: name a SQLite file, or a postgresql:// URL")
    return SqliteStore(Path(address).expanduser())


def shown_address(address: str) -> str:
    """An address without its password."""
    parts = urlsplit(address) if "://" in address else None
    if parts is None or parts.password is None:
        return address
    return address.replace(f":{parts.password}@", ":***@")


class SqliteStore:
    """A SQLite file, in WAL mode, so that readers and the one writer do not wait for each other.

    Args:
        path: The file; its folder must exist.
    """

    buffers = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: sqlite3.Connection | None = None

    def add(self, messages: Sequence[Message]) -> None:
        """As :meth:`Store.add`."""
        marks = ", ".join("?" * len(_COLUMNS))
        try:
            with self._connection() as connection:
                connection.executemany(
                    f"INSERT OR IGNORE INTO feedback ({', '.join(_COLUMNS)}) VALUES ({marks})",
                    [astuple(one) for one in messages],
                )
        except sqlite3.Error as error:
            raise FeedbackError(f"feedback was not kept: {self.path}: {error}") from error

    def messages(self) -> Iterator[Message]:
        """As :meth:`Store.messages`."""
        if not self.path.is_file():
            raise FeedbackError(
                f"{self.path} does not exist: name the file that 'serve --feedback' was given"
            )
        try:
            yield from (Message(*row) for row in self._connection().execute(_SELECT))
        except sqlite3.Error as error:
            raise FeedbackError(
                f"{self.path} cannot be read ({error}): is it a file of 'serve --feedback'?"
            ) from error

    def close(self) -> None:
        """As :meth:`Store.close`."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            connection = sqlite3.connect(self.path, timeout=_SECONDS_LOCKED)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                connection.commit()
            except sqlite3.Error:
                connection.close()
                raise
            self._open = connection
        return self._open


class PostgresStore:
    """A table ``feedback`` in PostgreSQL; a lost connection is made anew.

    Args:
        url: ``postgresql://user:password@host/database``.

    Raises:
        ConfigError: psycopg is missing.
    """

    buffers = True

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise ConfigError(
                "feedback in PostgreSQL needs psycopg, which is not installed: pip install 'psycopg[binary]'"
            ) from error
        self._psycopg = psycopg
        self._url = url
        self._open: Any = None

    def add(self, messages: Sequence[Message]) -> None:
        """As :meth:`Store.add`."""
        marks = ", ".join(["%s"] * len(_COLUMNS))
        insert = f"INSERT INTO feedback ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"
        try:
            connection = self._connection()
            # A commit whose answer is lost may have happened; the ids keep a repetition from doubling it.
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(insert, [astuple(one) for one in messages])
        except self._psycopg.Error as error:
            self.close()
            raise FeedbackError(f"feedback was not kept: {_first_line(error)}") from error

    def messages(self) -> Iterator[Message]:
        """As :meth:`Store.messages`."""
        try:
            with self._connection().cursor() as cursor:
                cursor.execute(_SELECT)
                for row in cursor:
                    yield Message(*row)
        except self._psycopg.Error as error:
            self.close()
            raise FeedbackError(
                f"{shown_address(self._url)} cannot be read ({_first_line(error)}): start it, or correct the URL"
            ) from error

    def close(self) -> None:
        """As :meth:`Store.close`."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connection(self) -> Any:
        if self._open is None or self._open.closed:
            connection = self._psycopg.connect(
                self._url, connect_timeout=_SECONDS_TO_CONNECT, autocommit=True
            )
            connection.execute(_TABLE)
            self._open = connection
        return self._open


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
