"""Atomic file writes, and the error message for files that cannot be written.

The functions live here because the caches and converters of this room use them too; code for result folders is in
:mod:`recbole_ext.runs.files`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from recbole_ext.errors import OutputError

__all__ = ["whole", "write_whole", "writing"]


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


@contextlib.contextmanager
def whole(path: Path, option: str = "--output", *, also: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """Provides a temporary file beside ``path`` that replaces it if the block succeeds and is removed if not.

    Several processes may write the same file: the last one wins, and a reader always sees a complete version.

    Args:
        path: The file to write.
        option, also: As in :func:`writing`.

    Yields:
        The path of the temporary file; its folder must exist.

    Raises:
        OutputError: It cannot be written, or ``path`` is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file with {option}")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with writing(path, option, also=also):
        try:
            yield partial
            os.replace(partial, path)
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
