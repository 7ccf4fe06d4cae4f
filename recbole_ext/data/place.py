"""Where a set is put: one process at a time, whole or not at all, and what a killed process left is mended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from recbole_ext.data.files import sync, sync_folder, writing
from recbole_ext.errors import OutputError

__all__ = [
    "OPTION",
    "RECORD_FILE",
    "alone",
    "check_replaceable",
    "is_prepared",
    "mend_leftovers",
    "move_into_place",
    "temporary_folder",
]

OPTION = "--out"
"""The option that names the folder of the sets."""

RECORD_FILE = "prepared.json"
"""Says beside a set how ``prepare`` made it."""

_KINDS = ("raw", "new", "old")


def is_prepared(name: str, out: str | os.PathLike[str] = "dataset") -> bool:
    """Whether ``OUT/NAME`` holds atomic files; a folder that is there is whole.

    A set that a killed ``prepare`` had moved aside is put back first.
    """
    mend_leftovers(Path(out), name)
    path = Path(out) / name / f"{name}.inter"
    return path.is_file() and path.stat().st_size > 0


def check_replaceable(folder: Path) -> None:
    """Refuses to replace a folder that ``prepare`` did not write.

    Raises:
        OutputError: It holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / RECORD_FILE).is_file():
        raise OutputError(
            f"{folder} was not written by prepare: move it away, or name another folder with --out"
        )


@contextlib.contextmanager
def alone(out: Path, name: str, say: Callable[[str], object]) -> Iterator[None]:
    """Holds a set's lock; waits while another process prepares the set, and mends what a killed one left.

    A lock ends with its process, so that whatever lies there once it is held belongs to nobody.

    Args:
        out: The folder that receives ``NAME/``; made if missing, and removed again if nothing is put there.
        name: Name of the set.
        say: Is told that it waits.

    Raises:
        OutputError: ``out`` cannot be written.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    with writing(out, OPTION):
        out.mkdir(parents=True, exist_ok=True)
        lock = _lock(
            out / f".{name}.lock", wait=lambda: say(f"{name}: waiting for another process, which prepares it")
        )
    try:
        if lock is not None:
            _mend(out, name)
        yield
    finally:
        _unlock(lock, out / f".{name}.lock")
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def mend_leftovers(out: Path, name: str) -> None:
    """Finishes or removes what a killed ``prepare`` left; does nothing while a living one is at work.

    Args:
        out: The folder that holds ``NAME/``.
        name: Name of the set.
    """
    if not any(_leftovers(out, name)):
        return
    # Somebody who only reads may lack the right to mend.
    with contextlib.suppress(OSError):
        lock = _lock(out / f".{name}.lock", wait=None)
        if lock is not None:
            try:
                _mend(out, name)
            finally:
                _unlock(lock, out / f".{name}.lock")


def _leftovers(out: Path, name: str) -> Iterator[Path]:
    prefixes = tuple(f".{name}-{kind}-" for kind in _KINDS)
    with contextlib.suppress(OSError):
        yield from (path for path in sorted(out.iterdir()) if path.name.startswith(prefixes))


def _mend(out: Path, name: str) -> None:
    """The caller holds the lock."""
    left = list(_leftovers(out, name))
    if not (out / name).exists():
        # Killed between two renames: the set was moved aside, and its successor had not come yet.
        aside = [path / name for path in left if (path / name / f"{name}.inter").is_file()]
        if aside:
            os.rename(max(aside, key=lambda folder: folder.stat().st_mtime_ns), out / name)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _lock(path: Path, wait: Callable[[], object] | None) -> int | None:
    """A descriptor that holds the lock; None where the file system has no locks, or where it is not waited for."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                os.close(descriptor)
                return None
            wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None
        # The process that held it has removed the file: a newcomer would lock another one of the same name.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)


def _unlock(descriptor: int | None, path: Path) -> None:
    if descriptor is not None:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(out: Path, prefix: str) -> Iterator[Path]:
    """A folder beside the final one, so that renaming it is atomic; gone afterwards unless it was renamed."""
    with writing(out, OPTION):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=out))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_into_place(new: Path, final: Path) -> None:
    """Gives a whole folder its name, in place of one that has it.

    Raises:
        OutputError: It cannot be renamed; the earlier folder is back in its place.
    """
    # mkdtemp makes folders for the owner alone; a data set gets the permissions of its parent.
    with writing(final, OPTION):
        new.chmod(final.parent.stat().st_mode & 0o777)
        sync_folder(new)
        if not final.exists():
            os.rename(new, final)
            sync(final.parent)
            return
        aside = Path(tempfile.mkdtemp(prefix=f".{final.name}-old-", dir=final.parent))
        os.rename(final, aside / final.name)
        try:
            os.rename(new, final)
            sync(final.parent)
        except OSError:
            os.rename(aside / final.name, final)
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
