"""Atomic file writes, and the error message for files that cannot be written.

The functions live here because the caches and converters of this room use them too; code for result folders is in
:mod:`recbole_ext.runs.files`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.errors import OutputError

__all__ = [
    "process_lives",
    "process_name",
    "remove_abandoned",
    "sync",
    "sync_folder",
    "whole",
    "write_whole",
    "writing",
]


_ENDING = ".partial"


def _failures(also: tuple[type[Exception], ...]) -> tuple[type[Exception], ...]:
    return (OSError, *also)


@contextlib.contextmanager
def writing(
    path: Path, option: str = "--output", *, also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turns a failure to write into one sentence for the user.

    Args:
        path: The file or folder that is being written.
        option: The command-line option that sets the path.
        also: Further exceptions to treat like an ``OSError``.

    Raises:
        OutputError: The block raised an ``OSError`` or one of ``also``.
    """
    try:
        yield
    except _failures(also) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise OutputError(
            f"{path} cannot be written ({reason}): free some space, or choose another {option}"
        ) from error


def process_name() -> str:
    """This process, as a part of the names of its temporary files: process ids belong to one machine."""
    return f"{socket.gethostname()}-{os.getpid()}"


def remove_abandoned(folder: Path, before: str = "", after: str = "") -> None:
    """Removes the temporary files and folders of processes of this machine that have ended.

    Args:
        folder: Where they are; it need not exist.
        before, after: What stands before and after :func:`process_name` in their names; any beginning if ``before``
            is empty.
    """
    name = f"{re.escape(before) or '.*'}{re.escape(socket.gethostname())}-([0-9]+){re.escape(after)}"
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            found = re.fullmatch(name, path.name)
            if not found or _lives(int(found[1])):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def process_lives(pid: int) -> bool:
    """Whether a process of this machine has a number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it is another user's
    return True


def _lives(pid: int) -> bool:
    """Whether another process has this number; what bears our own is from an earlier process."""
    return pid != os.getpid() and process_lives(pid)


def sync(path: Path) -> None:
    """Forces a file to the disk, or the names in a folder, which a file system may not support.

    Raises:
        OSError: A file cannot be forced to the disk.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Forces a folder and the files in it, not those of folders below, to the disk.

    Raises:
        OSError: A file cannot be forced to the disk.
    """
    for file in path.iterdir():
        if file.is_file():
            sync(file)
    sync(path)


@contextlib.contextmanager
def whole(
    path: Path,
    option: str = "--output",
    *,
    also: tuple[type[Exception], ...] = (),
    durable: bool = True,
) -> Iterator[Path]:
    """Provides a temporary file beside ``path`` that replaces it if the block succeeds and is removed if not.

    Several processes may write the same file: the last one wins, and a reader always sees a complete version. What
    killed processes have left of the same file is removed.

    Args:
        path: The file to write.
        option, also: As in :func:`writing`.
        durable: Whether the file is on the disk when the block has ended; without, a power cut may leave an empty file.

    Yields:
        The path of the temporary file; its folder must exist.

    Raises:
        OutputError: It cannot be written, or ``path`` is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file with {option}")
    remove_abandoned(path.parent, f"{path.name}.", _ENDING)
    partial = path.with_name(f"{path.name}.{process_name()}{_ENDING}")
    with writing(path, option, also=also):
        try:
            yield partial
            if durable:
                sync(partial)
            os.replace(partial, path)
            if durable:
                sync(path.parent)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


def write_whole(path: Path, content: bytes | str, option: str = "--output") -> None:
    """Writes a file atomically; text is encoded as UTF-8, and a missing folder is created.

    Raises:
        OutputError: It cannot be written, or ``path`` is a folder.
    """
    with writing(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path, option) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
