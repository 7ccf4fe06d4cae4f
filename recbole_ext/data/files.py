"""Files that are written as a whole or not at all, and the one sentence for what cannot be written.

The function is here and not in :mod:`recbole_ext.runs.files`, since the caches and converters of this room write too;
what belongs to result folders is there.
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
    """A failure to write becomes one sentence for the user.

    Args:
        path: The file or folder that is being written.
        option: Of the command line, which chooses the place.
        also: Exceptions of a library that mean the same as an ``OSError``.

    Raises:
        OutputError: The block has raised an ``OSError`` or one of ``also``.
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
    """A temporary file beside ``path``, which takes its place if the block ends well and is removed if not.

    Several processes may write the same file: the last one wins, and a reader sees one of the two versions.

    Args:
        path: The file.
        option, also: As in :func:`writing`.

    Yields:
        Where to write to. Its folder must exist.

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
    """:func:`whole` with a content that is known; text is written as UTF-8, and the folder is made if it is missing.

    Raises:
        OutputError: It cannot be written, or ``path`` is a folder.
    """
    with writing(path, option):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path, option) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
