"""What an online re-ranker has shown, kept on disk: a snapshot and a journal of the lists since."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from recbole_ext.data.files import write_whole, writing
from recbole_ext.errors import CheckpointError
from recbole_ext.rerank.exposure.online import OnlineExposure, Shown

__all__ = ["ShownFile"]

_EACH = 1000


class ShownFile:
    """Keeps the state of an :class:`~recbole_ext.rerank.exposure.online.OnlineExposure`, for one process.

    A list is appended to the journal before it is answered, with its number and a checksum. After a thousand the state
    is written whole, under a temporary name that is renamed, and the journal starts anew; numbers keep a list from
    being counted twice if a process dies in between. A process that is killed loses nothing; without power is lost
    what the system had not yet written.

    Args:
        path: The snapshot; the journal lies beside it.
        online: Its state is replaced by what the files hold.

    Raises:
        CheckpointError: The snapshot is damaged, or of another catalogue.
        OutputError: The journal cannot be written.
    """

    def __init__(self, path: Path, online: OnlineExposure) -> None:
        self._path, self._journal = path, path.with_name(f"{path.name}.journal")
        self._online = online
        self._record = np.dtype([("number", "<i8"), ("items", "<i8", (online.prices.k,)), ("check", "<u4")])
        if path.exists():
            online.shown = _read(path, len(online.prices.item))
        self._replay()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # A record that was cut off must not stay in front of the next one.
        self._compact()

    def count(self, items: np.ndarray) -> None:
        """Counts a list ``(k,)`` as shown.

        Raises:
            OutputError: It cannot be written; it is not counted then.
        """
        record = np.zeros(1, dtype=self._record)
        record["number"], record["items"] = self._online.shown.served + 1, items
        record["check"] = _check(record[0])
        with writing(self._journal), self._journal.open("ab") as file:
            file.write(record.tobytes())
        self._online.count(items)
        if self._online.shown.served % _EACH == 0:
            self._compact()

    def _replay(self) -> None:
        content = self._journal.read_bytes() if self._journal.exists() else b""
        whole = len(content) // self._record.itemsize
        for record in np.frombuffer(content, dtype=self._record, count=whole):
            if record["check"] != _check(record):
                return
            if record["number"] == self._online.shown.served + 1:
                self._online.count(record["items"].astype(np.int64))

    def _compact(self) -> None:
        shown, buffer = self._online.shown, io.BytesIO()
        np.savez(
            buffer, exposure=shown.exposure, sums=np.array([shown.lists, shown.tails]), served=shown.served
        )
        write_whole(self._path, buffer.getvalue())
        with writing(self._journal):
            self._journal.write_bytes(b"")


def _check(record: np.void) -> int:
    return zlib.crc32(record["number"].tobytes() + record["items"].tobytes())


def _read(path: Path, n_items: int) -> Shown:
    try:
        with np.load(path, allow_pickle=False) as found:
            exposure, (lists, tails) = found["exposure"], found["sums"].tolist()
            shown = Shown(exposure.astype(np.float64), lists, tails, int(found["served"]))
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}): remove it to start with nothing shown"
        ) from error
    if shown.exposure.shape != (n_items,):
        raise CheckpointError(f"{path} is of another catalogue: remove it to start with nothing shown")
    return shown
