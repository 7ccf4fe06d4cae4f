"""Folders of results: under a temporary name until they are whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.data.files import process_name, remove_abandoned, sync, sync_folder, writing
from recbole_ext.errors import OutputError

__all__ = [
    "alone_in",
    "check_new",
    "is_beginning",
    "is_busy",
    "made_folder",
    "named",
    "new_folder",
    "partial_of",
    "rename_folder",
]

_PROBE_SECONDS = 0.5


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


_OF_A_BEGINNING = re.compile(r"log\.txt|config\.yaml\..*\.partial")


def is_beginning(partial: Path) -> bool:
    """Whether an unfinished run was ended before its ``config.yaml`` was written: there is nothing to resume.

    The command that started it takes the folder over.

    Args:
        partial: The folder, which ends in ``.partial``.
    """
    return (
        partial.suffix == ".partial"
        and partial.is_dir()
        and all(_OF_A_BEGINNING.fullmatch(path.name) for path in partial.iterdir())
    )


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
    if is_beginning(partial):
        raise OutputError(
            f"{partial}, which a training that was ended early has left, would become {final}: remove it, or choose "
            "another --output"
        )
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
    temporary = f"{final.name}.new-"
    remove_abandoned(final.parent, temporary)
    path = final.with_name(f"{temporary}{process_name()}")
    with writing(path):
        try:
            path.mkdir(parents=True)
            yield path
            rename_folder(path, final)
        finally:
            shutil.rmtree(path, ignore_errors=True)


def rename_folder(path: Path, final: Path) -> None:
    """Gives a folder its final name, with everything in it on the disk.

    Raises:
        OSError: It cannot be renamed, or a file cannot be forced to the disk.
    """
    sync_folder(path)
    path.rename(final)
    sync(final.parent)


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
            _lock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except BlockingIOError:
            raise OutputError(
                f"another process is running in {folder}: wait until it has ended, or choose another --output"
            ) from None
        except OSError:
            pass  # a network file system without locks
        yield
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> None:
    """Locks at once, or within the moment that :func:`is_busy` of another process takes to look.

    Raises:
        BlockingIOError: Another process holds the lock for longer.
        OSError: The file system has no locks.
    """
    end = time.monotonic() + _PROBE_SECONDS
    while True:
        try:
            return fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def is_busy(folder: Path) -> bool:
    """Whether a process is in :func:`alone_in` of the folder."""
    try:
        with alone_in(folder):
            return False
    except OutputError:
        return True
    except OSError:
        return False
