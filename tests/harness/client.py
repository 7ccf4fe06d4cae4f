"""Commands of the package in processes of their own: what they print, how they end, what they leave on the disk."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["SAMPLE", "Outcome", "Running", "changes", "copy_sample", "run", "run_for_real", "start", "tree"]

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "tests" / "runs" / "written_by_0_1_0"
LIMIT_SECONDS = 60.0
PROCESSOR_SECONDS = 10
IMPORT_SECONDS = 10
MEMORY_BYTES = 8 * 2**30
# Derived from the file beside it, and written anew whenever that has changed.
_DERIVED = ("*.inter.arrow", "__pycache__")


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        code: Exit code; negative: the signal that ended it.
        out: Standard output.
        err: Standard error.
        hung: Whether it was killed at the limit.
    """

    code: int
    out: str
    err: str
    hung: bool = False

    @property
    def message(self) -> str:
        """What follows ``error:``, or an empty text."""
        lines = self.err.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return "\n".join(lines[starts[0] :]).removeprefix("error: ") if starts else ""


@functools.cache
def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("MOVIELENS_HOME", "COLUMNS")}
    single = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS"), "1")
    # No sockets to the outside: a command that wants one fails at once.
    closed = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return {**kept, **single, **closed, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}


class _Server:
    """The process that forks the children; it ends with the tests."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="recbole-ext-harness-")
        self._log = open(Path(self._folder.name) / "server.txt", "w+", encoding="utf-8")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env=_environment(),
        )
        self._number = 0
        self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"the server of the harness has ended: {self._log.read()[-2000:]}")
        return json.loads(line)

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._read()

    def place(self) -> Path:
        """A new name for the output of a child."""
        self._number += 1
        return Path(self._folder.name) / str(self._number)


@functools.cache
def _server() -> _Server:
    return _Server()


@dataclass
class Running:
    """A command that has been started."""

    pid: int
    place: Path
    ended: Outcome | None = field(default=None)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the command's process alone."""
        os.kill(self.pid, number)

    def wait(self) -> Outcome:
        """Its end."""
        if self.ended is None:
            answer = _server().ask(kind="wait", pid=self.pid)
            texts = []
            for ending in (".out", ".err"):
                path = self.place.with_suffix(ending)
                texts.append(path.read_text("utf-8", "surrogateescape") if path.is_file() else "")
                path.unlink(missing_ok=True)
            self.ended = Outcome(answer["code"], *texts, answer["hung"])
        return self.ended


def start(
    arguments: Sequence[str],
    folder: Path,
    *,
    prelude: str = "",
    function: str = "",
    environment: Mapping[str, str] | None = None,
    limit: float = LIMIT_SECONDS,
    processor: int = PROCESSOR_SECONDS,
    memory: int = MEMORY_BYTES,
) -> Running:
    """Starts a command in a forked child.

    Args:
        arguments: What follows ``run.py``.
        folder: Where it runs.
        prelude: Python that the child runs before.
        function: ``module:name``, called with the arguments in place of the command line.
        environment: Variables on top.
        limit: Seconds after which it is killed, once it is waited for.
        processor: Seconds of processor time after which it is killed.
        memory: Bytes of address space; 0 has no limit.
    """
    server = _server()
    place = server.place()
    answer = server.ask(
        kind="start",
        arguments=list(arguments),
        folder=str(folder),
        stdout=str(place.with_suffix(".out")),
        stderr=str(place.with_suffix(".err")),
        prelude=prelude,
        function=function,
        environment=dict(environment or {}),
        limit=limit,
        processor=processor,
        memory=memory,
    )
    return Running(answer["pid"], place)


def run(arguments: Sequence[str], folder: Path, **options: Any) -> Outcome:
    """Runs a command in a forked child to its end; options as in :func:`start`."""
    return start(arguments, folder, **options).wait()


def run_for_real(arguments: Sequence[str], folder: Path) -> Outcome:
    """Runs ``python run.py`` as a user does; the imports of torch and RecBole come on top of the limit."""
    seconds = PROCESSOR_SECONDS + IMPORT_SECONDS
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds + 5}))"
    program = f"{limits}; import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", program, str(ROOT / "run.py"), *arguments],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
    )
    try:
        out, err = process.communicate(timeout=5 * LIMIT_SECONDS)
        return Outcome(process.returncode, out, err, process.returncode == -signal.SIGXCPU)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        return Outcome(process.returncode, out, err, hung=True)


def copy_sample(target: Path) -> Path:
    """The small data set and the finished runs, to be damaged."""
    shutil.copytree(SAMPLE, target)
    return target


def tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time of the last change and checksum of every file, by path; folders have none of them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if any(part.match(pattern) for pattern in _DERIVED for part in (path, *path.parents)):
            continue
        name = str(path.relative_to(folder))
        if path.is_file():
            status = path.stat()
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = (status.st_size, status.st_mtime_ns, checksum)
        else:
            found[name] = (-1, 0, "")
    return found


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """What was added, removed and changed, in words; empty where nothing was."""
    parts = []
    for word, names in (
        ("added", after.keys() - before.keys()),
        ("removed", before.keys() - after.keys()),
        ("changed", {name for name in before.keys() & after.keys() if before[name] != after[name]}),
    ):
        if names:
            parts.append(f"{word} {', '.join(sorted(names)[:4])}{' ...' if len(names) > 4 else ''}")
    return "; ".join(parts)
