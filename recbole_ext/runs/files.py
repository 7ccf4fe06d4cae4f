"""Folders of results: under a temporary name until they are whole."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.data.files import writing
from recbole_ext.errors import OutputError

__all__ = ["check_new", "made_folder", "named", "new_folder", "partial_of"]


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
        OutputError: It is.
    """
    if final.exists():
        raise OutputError(f"{final} exists already: choose another --output, or remove it")


@contextlib.contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A folder under a temporary name; renamed if the block ends well, removed if not.

    Raises:
        OutputError: The name is taken, or it cannot be written.
    """
    check_new(final)
    path = partial_of(final)
    with writing(path):
        try:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            yield path
            path.rename(final)
        finally:
            shutil.rmtree(path, ignore_errors=True)
