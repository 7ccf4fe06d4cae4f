"""Where trials are kept: a journal file that survives kills, or a database; and the lock of the local processes."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from recbole_ext.config.messages import as_yaml
from recbole_ext.config.read import as_of_today
from recbole_ext.config.safe_text import mask_secrets
from recbole_ext.data.files import writing
from recbole_ext.errors import ConfigError, OutputError

__all__ = ["has_trials", "locked", "open_storage", "open_study", "reason_of"]

_IDENTITY = "recbole_ext"
_ABSENT = object()
_CREATE_STUDY = 0  # as Optuna's journal numbers its operations
_PARTS = {
    "model": "another model",
    "space": "another space",
    "objectives": "other objectives",
    "config": "another configuration",
    "data": "other data",
}


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process at a time; the kernel gives the lock back when its owner is killed."""
    with file.open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class _KernelLock:
    """Optuna's own locks are files that outlive a killed owner; this one ends with it.

    A line that a killed process has written in part only is cut off: otherwise the next one would be glued to it and
    the journal could not be read any more.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._file = journal.with_name(journal.name + ".lock")
        self._handle: io.BufferedWriter | None = None

    def acquire(self) -> bool:
        """Waits for the lock."""
        handle = self._file.open("ab")
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._handle = handle
        _cut_torn_line(self._journal)
        return True

    def release(self) -> None:
        """Gives it back."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _cut_torn_line(journal: Path) -> None:
    """Removes what stands after the last line end."""
    if not journal.is_file():
        return
    with journal.open("r+b") as handle:
        size = handle.seek(0, os.SEEK_END)
        if size == 0:
            return
        handle.seek(size - 1)
        if handle.read(1) != b"\n":
            handle.seek(0)
            handle.truncate(handle.read().rfind(b"\n") + 1)


def _damage(journal: Path) -> str:
    """What is wrong with the first damaged line and what to do; empty if there is none.

    What follows the last line end is somebody's half record.
    """
    studies = 0
    with journal.open("rb") if journal.is_file() else io.BytesIO() as handle:
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                return ""
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict) or "op_code" not in record:
                return f"is damaged in line {number}: remove that line and what follows it"
            # Optuna numbers studies from 0, and ignores records of one that no earlier line has made.
            study = record.get("study_id", 0)
            if "study_id" in record and not (isinstance(study, int) and 0 <= study < studies):
                return (
                    f"is damaged (line {number} belongs to a study that no earlier line creates): restore it"
                )
            studies += record["op_code"] == _CREATE_STUDY
    return ""


def _open_journal(file: Path) -> BaseStorage:
    """The journal of a file; a damaged one is refused before anything is appended to it.

    Raises:
        OutputError: It cannot be written, or is damaged.
    """
    remedy = "or choose another --output"
    try:
        with writing(file):
            # Optuna forgives a damaged last line as long as nothing follows it, and then writes a record after it.
            if damage := _damage(file):
                raise OutputError(f"{file} {damage}, {remedy}")
            return JournalStorage(JournalFileBackend(str(file), lock_obj=cast(Any, _KernelLock(file))))
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise OutputError(f"{file} is damaged ({error}): restore it, {remedy}") from error


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The database of a URL, or the journal ``journal.log`` of a folder.

    Args:
        url: Of SQLAlchemy, or ``env:NAME`` for the one in the environment variable NAME; None is the journal.
            No message shows its password.
        folder: Where the journal is.

    Raises:
        ConfigError: The variable is not set, the URL is malformed, its driver is missing, or the database cannot be
            reached or read.
        OutputError: The journal cannot be written, or is damaged.
    """
    if url is None:
        return _open_journal((folder / "journal.log").resolve())
    shown, real = mask_secrets(url), _from_environment(url)
    try:
        return RDBStorage(_with_driver(real), engine_kwargs={"pool_pre_ping": True})
    except ImportError as error:
        raise ConfigError(
            f"--storage={shown} needs the driver {_missing(error)}: install it with pip"
        ) from error
    except (SQLAlchemyError, ValueError, RuntimeError) as error:
        reason = reason_of(error).replace(real, shown)
        raise ConfigError(
            f"--storage={shown} cannot be used ({reason}): give a URL such as sqlite:///tune.db or "
            "postgresql://host/database"
        ) from error


def reason_of(error: Exception) -> str:
    """The first line of an error of SQLAlchemy's or a driver's, without a password."""
    return mask_secrets(next(iter(str(error).splitlines()), type(error).__name__))


def _from_environment(url: str) -> str:
    """A URL, or the one that ``env:NAME`` stands for."""
    scheme, _, name = url.partition(":")
    if scheme != "env":
        return url
    if not os.environ.get(name):
        raise ConfigError(
            f"--storage={url} names the environment variable {name!r}, which is not set: set it to a URL"
        )
    return os.environ[name]


def _missing(error: ImportError) -> str:
    """The module that could not be imported: Optuna's own error does not name it, its cause does."""
    cause = error.__cause__ or error.__context__
    name = error.name or getattr(cause, "name", None)
    return name or str(cause or error).splitlines()[0]


def _with_driver(url: str) -> str:
    """SQLAlchemy takes psycopg2 for ``postgresql://``; psycopg 3 does as well where only that is installed."""
    scheme = "postgresql://"
    if (
        url.startswith(scheme)
        and not importlib.util.find_spec("psycopg2")
        and importlib.util.find_spec("psycopg")
    ):
        return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def has_trials(storage: BaseStorage, name: str) -> bool:
    """Whether the database holds a study of this name with trials.

    Raises:
        ConfigError: The database cannot be read.
    """
    try:
        return storage.get_n_trials(storage.get_study_id_from_name(name)) > 0
    except KeyError:
        return False
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise ConfigError(f"the study {name} cannot be opened ({reason_of(error)})") from error


def open_study(
    storage: BaseStorage,
    name: str,
    directions: Sequence[Literal["maximize", "minimize"]],
    identity: Mapping[str, Any],
    remedy: str = "give another --name",
) -> optuna.Study:
    """The study of a name, made if it is new.

    Args:
        storage: What :func:`open_storage` gave.
        name: Of the study.
        directions: ``maximize`` or ``minimize`` for each objective.
        identity: Plain data that all trials of a study share: space, configuration, objectives, data.
        remedy: What to do where another study has the name.

    Raises:
        ConfigError: A study of this name exists with another identity.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    plain = json.loads(json.dumps(identity, default=str))
    try:
        study = _loaded(storage, name) or optuna.create_study(
            storage=storage, study_name=name, directions=list(directions), load_if_exists=True
        )
        stored = _as_of_today(study.user_attrs.get(_IDENTITY), plain)
        if stored is None and not study.get_trials(deepcopy=False):
            study.set_user_attr(_IDENTITY, plain)
            return study
    except SQLAlchemyError as error:
        raise ConfigError(f"the study {name} cannot be opened ({reason_of(error)})") from error
    if stored != plain:
        raise ConfigError(f"the study {name!r} exists with {_difference(stored or {}, plain)}: {remedy}")
    return study


def _as_of_today(stored: dict[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """An identity that an earlier version has stored, as this version would have."""
    if stored is None or "config" not in stored:
        return stored
    return {**stored, "config": as_of_today(stored["config"], wanted.get("config", {}))}


def _loaded(storage: BaseStorage, name: str) -> optuna.Study | None:
    """The study, if there is one: to create it would add a line to its journal even so."""
    try:
        return optuna.load_study(storage=storage, study_name=name)
    except KeyError:
        return None


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first part that differs, as a clause."""
    for part, words in _PARTS.items():
        old, new = stored.get(part), wanted.get(part)
        if old == new:
            continue
        place, old, new = _innermost(old, new)
        if _ABSENT in (old, new):
            before, now = ("absent" if value is _ABSENT else _one_word(value) for value in (old, new))
        else:
            before, now = as_yaml(old), as_yaml(new)
        was, are = ("they were", "are") if part == "objectives" else (f"{': '.join(place) or 'it'} was", "is")
        return f"{words}: {was} {before} and {are} {now} now"
    return "nothing that this package has written"


def _innermost(old: Any, new: Any) -> tuple[list[str], Any, Any]:
    """The keys that lead to the first value that differs, and that value before and now."""
    place = []
    while isinstance(old, dict) and isinstance(new, dict):
        key = next(key for key in {**old, **new} if old.get(key, _ABSENT) != new.get(key, _ABSENT))
        place.append(str(key))
        old, new = old.get(key, _ABSENT), new.get(key, _ABSENT)
    return place, old, new


def _one_word(value: Any) -> str:
    """A block that is new or gone is named by its key: its content differs from nothing."""
    return "there" if isinstance(value, dict) else as_yaml(value)
