"""Downloads an original zip: resumes an interrupted transfer and names the file only after verification."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from recbole_ext import __version__
from recbole_ext.data.files import writing
from recbole_ext.data.movielens.catalog import MovieLensDataset
from recbole_ext.data.movielens.sources import three_ways
from recbole_ext.errors import DownloadError

__all__ = ["download_zip"]

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 3
_CHUNK_BYTES = 256 * 1024
_HTTP_RANGE_NOT_SATISFIABLE = 416
_NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, OSError)


@dataclass(frozen=True)
class _Start:
    """Start of a response and size of the complete file, in bytes (``None`` if the server does not say)."""

    offset: int
    total: int | None


def download_zip(
    dataset: MovieLensDataset, folder: Path, *, base_url: str | None = None, show_progress: bool = True
) -> Path:
    """Download a set's original zip into a folder.

    The bytes go to ``NAME.zip.part``, which a later call continues through HTTP Range. Size and MD5
    (the catalogue's, or else of the ``.md5`` file beside the zip) are checked before the file gets its name.

    Args:
        dataset: The set.
        folder: Receives ``NAME.zip``; made if missing.
        base_url: Another server with the same files, instead of GroupLens.
        show_progress: Whether to draw a progress bar on standard error.

    Returns:
        The path of the zip.

    Raises:
        DownloadError: No connection, a broken transfer, or a wrong size or checksum.
        OutputError: The folder cannot be written.
    """
    url = dataset.url if base_url is None else f"{base_url.rstrip('/')}/{dataset.name}.zip"
    final = folder / f"{dataset.name}.zip"
    part = folder / f"{dataset.name}.zip.part"
    with writing(folder, "--out"):
        folder.mkdir(parents=True, exist_ok=True)
        part.open("ab").close()
    total = _transfer(dataset, url, part, show_progress)
    _verify(url, part, dataset.size or total, dataset.md5 or _published_md5(url))
    with writing(final, "--out"):
        part.replace(final)
    return final


def _transfer(dataset: MovieLensDataset, url: str, part: Path, show_progress: bool) -> int | None:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not show_progress) as progress:
        task = progress.add_task(dataset.name, total=dataset.size)
        for attempt in range(1, ATTEMPTS + 1):
            before = part.stat().st_size
            try:
                return _continue(
                    url, part, lambda done, total: progress.update(task, completed=done, total=total)
                )
            except _NETWORK_ERRORS as error:
                have = part.stat().st_size
                # Retry only if bytes arrived: a refused connection stays refused.
                if attempt == ATTEMPTS or have <= before:
                    raise _failed(dataset, url, part, error) from error
    raise AssertionError("the last attempt returns or raises")


def _failed(dataset: MovieLensDataset, url: str, part: Path, error: Exception) -> DownloadError:
    have = part.stat().st_size
    kept = f" ({have:,} bytes are kept in {part}; the next try resumes from there)" if have else ""
    if not have:
        part.unlink(missing_ok=True)
    reason = getattr(error, "reason", None) or error
    return DownloadError(
        f"{dataset.name} could not be downloaded from {url}: {reason}{kept}; {three_ways(dataset)}"
    )


def _continue(url: str, part: Path, on_progress: Callable[[int, int | None], None]) -> int | None:
    offset = part.stat().st_size
    try:
        response = _open(url, offset)
    except urllib.error.HTTPError as error:
        if error.code != _HTTP_RANGE_NOT_SATISFIABLE or not offset:
            raise
        total = _total_of_range(error.headers.get("Content-Range", ""))
        if total == offset:
            return total
        # The existing bytes are not a prefix of this file, so start over.
        offset = 0
        response = _open(url, 0)
    with response, part.open("r+b") as target:
        start = _start_of(response, offset)
        target.truncate(start.offset)
        target.seek(start.offset)
        done = start.offset
        while chunk := response.read(_CHUNK_BYTES):
            _write(target, chunk, part)
            done += len(chunk)
            on_progress(done, start.total)
    if start.total is not None and done < start.total:
        raise http.client.HTTPException(f"broke off at {done:,} of {start.total:,} bytes")
    return start.total


def _write(target: BinaryIO, chunk: bytes, part: Path) -> None:
    with writing(part, "--out"):
        target.write(chunk)
        target.flush()


def _open(url: str, offset: int) -> http.client.HTTPResponse:
    # Compressed transfer would make byte ranges and sizes meaningless.
    headers = {"User-Agent": f"recbole_ext/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)


def _start_of(response: http.client.HTTPResponse, asked: int) -> _Start:
    content_range = response.headers.get("Content-Range", "")
    begins = re.match(r"bytes (\d+)-", content_range)
    if response.status == http.client.PARTIAL_CONTENT and begins and int(begins[1]) == asked:
        return _Start(asked, _total_of_range(content_range))
    length = response.headers.get("Content-Length")
    return _Start(0, int(length) if length is not None and length.isdigit() else None)


def _total_of_range(content_range: str) -> int | None:
    total = re.search(r"/(\d+)$", content_range)
    return int(total[1]) if total else None


def _published_md5(url: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{url}.md5", timeout=TIMEOUT_SECONDS) as response:
            found = re.search(rb"\b[0-9a-fA-F]{32}\b", response.read(4096))
    except _NETWORK_ERRORS:
        # The zip's own request reports a missing network; a missing side file leaves size and CRC to check.
        return None
    return found[0].decode().lower() if found else None


def _verify(url: str, part: Path, size: int | None, md5: str | None) -> None:
    have = part.stat().st_size
    if size is not None and have != size:
        part.unlink()
        raise DownloadError(
            f"{url} gave {have:,} bytes instead of {size:,}; it was deleted: run prepare again"
        )
    if not zipfile.is_zipfile(part):
        part.unlink()
        raise DownloadError(
            f"{url} did not give a zip; it was deleted: check the connection and run prepare again"
        )
    if md5 is None:
        return
    with part.open("rb") as file:
        actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if actual != md5:
        part.unlink()
        raise DownloadError(
            f"{url} has the checksum {actual} instead of {md5}; it was deleted: run prepare again, and if "
            "that does not help, take the file from grouplens.org by hand and name it with --source=PATH"
        )
