"""Starts the processes of one training, and ends all when one ends; without torch."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import IO

from recbole_ext.errors import ConfigError, RecBoleExtError

__all__ = ["LAUNCHED", "LOST", "is_one_of_several", "launch", "quiet_unless_first"]

LAUNCHED = "RECBOLE_EXT_LAUNCHED"
"""Set in the environment of a process whose parent speaks for it when another one is lost."""

LOST = 3
"""Exit code of a process that another one has left alone."""

_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1


def is_one_of_several() -> bool:
    """Whether torchrun or :func:`launch` has started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def quiet_unless_first() -> Iterator[None]:
    """Shows nothing of what the other processes print: it is what the first one prints."""
    if not is_one_of_several() or os.environ.get("RANK") == "0":
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: SIM117
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Runs the command in several processes that train together, until all have ended.

    Args:
        processes: How many; each has its share of the cores.
        arguments: Of the program, without ``--nproc``.

    Raises:
        ConfigError: There are fewer than one.
        RecBoleExtError: One has ended by itself, so that all were ended.
        SystemExit: The first one has said what was wrong.
    """
    if processes < 1:
        raise ConfigError(f"--nproc is {processes}: give 1 or more")
    with contextlib.ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(processes)]
        started: list[subprocess.Popen[bytes]] = []
        stack.callback(_ended, started)
        port = _free_port()
        for rank in range(processes):
            started.append(_started(rank, processes, arguments, errors[rank], port))
        first = _watched(started)
        _ended(started)
        codes = [one.returncode for one in started]
        if any(codes):
            raise _reason(first, codes, errors)


def _started(
    rank: int, processes: int, arguments: Sequence[str], errors: IO[bytes], port: int
) -> subprocess.Popen[bytes]:
    code = f"import sys; sys.argv[0] = {sys.argv[0]!r}; from recbole_ext.cli import main; main()"
    share = max(1, (os.cpu_count() or 1) // processes)
    environment = {
        "OMP_NUM_THREADS": str(share),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        LAUNCHED: "1",
    }
    command = [sys.executable, "-c", code, *arguments]
    if rank == 0:
        return subprocess.Popen(command, env=environment)
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _watched(started: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Waits until all have ended well, or one has not; returns the number of that one."""
    while any(one.poll() is None for one in started):
        for rank, one in enumerate(started):
            if one.poll():
                return rank
        time.sleep(_POLL_SECONDS)
    return next((rank for rank, one in enumerate(started) if one.returncode), None)


def _ended(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """Those that are left notice that one is gone; one that waits for it in vain is ended."""
    end = time.monotonic() + _GRACE_SECONDS
    for one in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.wait(max(0.0, end - time.monotonic()))
        if one.poll() is None:
            one.kill()
            one.wait()


def _reason(first: int | None, codes: Sequence[int], errors: Sequence[IO[bytes]]) -> BaseException:
    """Why the training has ended, unless the first process has said it."""
    if codes[0] not in (0, LOST) and codes[0] > 0:
        return SystemExit(codes[0])
    rank = first if first is not None and codes[first] != LOST else _culprit(codes)
    code = codes[rank]
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    errors[rank].seek(0)
    lines = errors[rank].read().decode(errors="replace").strip().splitlines()
    said = f" ({lines[-1].removeprefix('error: ')})" if code > 0 and lines else ""
    return RecBoleExtError(
        f"process {rank} of {len(codes)} {how}{said}, and with it the others: epochs that were finished are kept, go "
        f"on with --resume, the run folder and --nproc={len(codes)}"
    )


def _culprit(codes: Sequence[int]) -> int:
    """The first that was not merely left alone."""
    return next((rank for rank, code in enumerate(codes) if code not in (0, LOST)), 0)
