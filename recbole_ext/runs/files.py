"""Folders of results: under a temporary name until they are whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.data.files import writing
from recbole_ext.errors import OutputError

__all__ = [
    "alone_in",
    "check_new",
    "is_busy",
    "made_folder",
    "named",
    "new_folder",
    "partial_of",
]


def named(path: Path) -> Path:
    """A folder by its own name, which ``.`` and ``..`` are not.

    Raises:
        OutputError: It is the root of the file system, which has none.
    """
    own = path if path.name not in ("", "..") else path.resolve()
    if not own.name:
        raise OutputError(f"{path} is the root of the file system: name a folder in it")
    return own


def partial_of(run: Path) -> Path:
    """Where an unfinished run stands; accepts the final name or the unfinished one."""
    run = named(run)
    return run if run.name.endswith(".partial") else run.with_name(run.name + ".partial")


def made_folder(path: Path) -> Path:
    """The folder, made with its parents if it is missing.

    Raises:
        OutputError: It cannot be made.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def check_new(final: Path) -> None:
    """Refuses the name of a folder of results that is taken.

    Raises:
        OutputError: It is, or an interrupted run will take it.
    """
    partial = partial_of(final)
    if partial.exists():
        raise OutputError(
            f"{partial} holds an interrupted run that will be {final}: choose another --output, or finish the run with "
            f"--resume {final}"
        )
    if final.exists():
        raise OutputError(f"{final} exists already: choose another --output, or remove it")


@contextlib.contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A folder under a temporary name; renamed if the block ends well, removed if not.

    Raises:
        OutputError: The name is taken, or it cannot be written.
    """
    check_new(final)
    _remove_abandoned(final)
    path = final.with_name(f"{final.name}{_mark()}{os.getpid()}")
    with writing(path):
        try:
            path.mkdir(parents=True)
            yield path
            path.rename(final)
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _mark() -> str:
    """What stands between the name of a folder and the process that writes it; a process belongs to a machine."""
    return f".new-{socket.gethostname()}-"


def _remove_abandoned(final: Path) -> None:
    """Removes what killed processes of this machine have left of the same folder."""
    pattern = re.compile(re.escape(final.name + _mark()) + r"(\d+)")
    with contextlib.suppress(OSError):
        for path in list(final.parent.iterdir()):
            found = pattern.fullmatch(path.name)
            if found and not _lives(int(found[1])):
                shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    return pid != os.getpid()


@contextlib.contextmanager
def alone_in(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """One process at a time works in a folder; the kernel gives the place back when its owner is killed.

    Args:
        folder: It must exist. It may be renamed meanwhile.
        shared: Whether others that share it may work there too.

    Raises:
        OutputError: Another process works there.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            # Shared, it waits for the moment in which is_busy looks.
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"another process is running in {folder}: wait until it has ended, or choose another --output"
            ) from None
        except OSError:
            pass  # a network file system without locks
        yield
    finally:
        os.close(handle)


def is_busy(folder: Path) -> bool:
    """Whether a process is in :func:`alone_in` of the folder."""
    try:
        with alone_in(folder):
            return False
    except OutputError:
        return True
    except OSError:
        return False
