"""What runs on a node of a Ray cluster: a job in the study's folders, or in a folder of the node that is sent back."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.data.build import DataCache
from recbole_ext.study.jobs import Place, Work
from recbole_ext.study.processes import Answer, answered, with_threads

__all__ = ["Board", "Bundle", "do"]

_cache = DataCache()


class Board:
    """An actor on the node of the study: what runs where, as the tasks themselves say."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}

    def tell(self, number: int, words: str) -> None:
        """The last words on a job."""
        self._told[number] = words

    def all(self) -> dict[int, str]:
        """The last words on each job."""
        return self._told


@dataclass(frozen=True)
class Bundle:
    """What a node without the study's disk needs for a job.

    Attributes:
        digest: SHA-256 of the data set.
        folder: Name of the data set.
        data: File name to a reference of its bytes; taken from the object store only where the node has not got it.
        files: Configuration files: original path and content.
        data_path: The original one, as it was written.
    """

    digest: str
    folder: str
    data: Mapping[str, Any]
    files: Sequence[tuple[str, bytes]]
    data_path: str

    def is_here(self) -> bool:
        """Whether the data set of the study can be seen from this machine."""
        return (Path(self.data_path).expanduser() / self.folder).is_dir()


def do(work: Work, number: int, board: Any, threads: int, probe: Path, bundle: Any) -> Answer:
    """The task: does the work in the study's folders where they can be seen, else in a folder of this node."""
    with_threads(threads)
    name = socket.gethostname()

    def tell(words: str) -> None:
        board.tell.remote(number, f"{name}, process {os.getpid()}: {words}")

    tell("begun")
    place = Place(_cache, tell)
    if probe.is_file() and (bundle is None or bundle.is_here()):
        return answered(work, place)
    if bundle is None:
        return "elsewhere", None
    return _apart(work, place, bundle)


def _apart(work: Any, place: Place, bundle: Bundle) -> Answer:
    """Does the work on a node of its own disk; a run folder is sent back with the value."""
    root = Path(tempfile.gettempdir()) / f"recbole_ext-{os.getuid()}"
    data_path = _materialized(root, bundle)
    own = Path(tempfile.mkdtemp(dir=root))
    try:
        files, words = [], {str(data_path): bundle.data_path}
        for index, (name, content) in enumerate(bundle.files):
            files.append(own / f"{index}-{Path(name).name}")
            files[-1].write_bytes(content)
            words[str(files[-1])] = name
        there = work.at(own, files, data_path)
        kind, value = answered(there, place)
        final = getattr(work, "final", None)
        if kind != "value" or final is None:
            return kind, value
        words[str(there.final)] = str(final)
        return "folder", {path.name: _as_written(path, words) for path in there.final.iterdir()}
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _as_written(path: Path, words: Mapping[str, str]) -> bytes:
    """A file of a run folder; texts name the paths of the study, not those of this node."""
    content = path.read_bytes()
    if path.suffix in (".yaml", ".json", ".txt"):
        for here, there in words.items():
            content = content.replace(here.encode(), there.encode())
    return content


def _materialized(root: Path, bundle: Bundle) -> Path:
    """The data set in a folder of this node, written once; its column file is memory-mapped from there."""
    import ray

    data_path = root / bundle.digest[:16]
    folder = data_path / bundle.folder
    root.mkdir(mode=0o700, exist_ok=True)
    with (root / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            new = data_path / f"{bundle.folder}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            for name, content in bundle.data.items():
                ray.get(content).tofile(new / name)
            new.rename(folder)
    return data_path
