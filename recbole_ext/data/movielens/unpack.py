"""Unpacks a zip that may be truncated or hostile, without writing outside the target or filling the disk."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from recbole_ext.errors import DataError

__all__ = ["unpack"]

# The largest set, ml-latest, unpacks to under 2 GiB and csv compresses about fourfold.
MAX_TOTAL_BYTES = 8 * 1024**3
MAX_RATIO = 200
RATIO_CHECKED_FROM_BYTES = 1024**2
MAX_ENTRIES = 10_000
_CHUNK_BYTES = 1024**2


def unpack(
    archive: Path,
    target: Path,
    *,
    wanted: Collection[str] | None = None,
    max_total_bytes: int = MAX_TOTAL_BYTES,
) -> None:
    """Unpack a zip into an existing folder.

    Every entry is checked, including unwanted ones; one hostile entry rejects the whole zip.

    Args:
        archive: The zip.
        target: The folder that receives the entries, with the folders they have in the zip.
        wanted: Names of files (without folder) to write; ``None`` writes all.
        max_total_bytes: Refuse archives that unpack to more bytes than this.

    Raises:
        DataError: The zip is truncated, not a zip, encrypted, too big when unpacked, or holds an entry with
            an absolute path, with ``..``, or a link.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise _refused(archive, f"holds {len(entries)} entries, more than {MAX_ENTRIES}")
            for entry in entries:
                _check_entry(archive, entry, target)
            chosen = [
                entry
                for entry in entries
                if not entry.is_dir() and (wanted is None or PurePosixPath(entry.filename).name in wanted)
            ]
            _check_size(archive, chosen, max_total_bytes)
            for entry in chosen:
                _write(opened, entry, target / entry.filename)
    except FileExistsError as error:
        raise _refused(archive, f"holds an entry twice ({error.filename})") from error
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{archive} is not a complete zip ({error}): delete it and fetch it again, or give another source"
        ) from error
    except (RuntimeError, NotImplementedError) as error:
        raise _refused(archive, f"cannot be unpacked ({error})") from error


def _check_entry(archive: Path, entry: zipfile.ZipInfo, target: Path) -> None:
    name = entry.filename
    path = PurePosixPath(name)
    drive_or_backslash = "\\" in entry.orig_filename or ":" in path.parts[0] if path.parts else False
    if path.is_absolute() or ".." in path.parts or drive_or_backslash or not path.parts:
        raise _refused(archive, f"holds the entry {name!r}, which would leave the target folder")
    if not (target / name).resolve().is_relative_to(target.resolve()):
        raise _refused(archive, f"holds the entry {name!r}, which would leave the target folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(archive, f"holds the entry {name!r}, which is a link or a device")


def _check_size(archive: Path, entries: list[zipfile.ZipInfo], max_total_bytes: int) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > max_total_bytes:
        raise _refused(archive, f"would unpack to {total:,} bytes, more than {max_total_bytes:,}")
    for entry in entries:
        large = entry.file_size > RATIO_CHECKED_FROM_BYTES
        if large and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise _refused(
                archive, f"holds {entry.filename!r}, compressed more than {MAX_RATIO}-fold like a zip bomb"
            )


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # zipfile never yields more than the declared size and checks the CRC at the end.
    with opened.open(entry) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, _CHUNK_BYTES)


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(f"{archive} {reason}; it is not an original MovieLens zip: fetch it from GroupLens")
