"""Start, memory, latency and throughput of ``serve`` on loopback, beside implicit behind the same door.

    python -m benchmarks.serving RUN [RUN ...] [--seconds 60] [--clients 64] [--workers 1 2] [--requests 50000]

Seconds of the processor a request, of the server alone, do not depend on what else runs; the wall clock does, and the
load of the machine stands beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.load import Outcome, ask, get

__all__ = ["main"]

_HISTORY = 50
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Started:
    """A server that answers.

    Attributes:
        seconds: From its start until it was ready.
    """

    process: subprocess.Popen[bytes]
    port: int
    seconds: float

    def family(self) -> list[int]:
        """The process and those that it has started."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        return [self.process.pid, *(pid for pid, parent in parents.items() if parent == self.process.pid)]

    def memory(self) -> float:
        """MiB of all of them together, shared pages by their share."""
        total = 0
        for pid in self.family():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def processor(self) -> float:
        """Seconds of the processor that all of them have used."""
        total = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS


@contextlib.contextmanager
def _started(words: Sequence[str], most: float = 300.0) -> Iterator[_Started]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    began = time.perf_counter()
    words = [one.replace("PORT", str(port)) for one in words]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError, EOFError):
                if get(port, "/ready")[0] == 200:
                    break
            if process.poll() is not None or time.perf_counter() - began > most:
                raise SystemExit(f"{' '.join(words)} did not become ready")
            time.sleep(0.02)
        yield _Started(process, port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _bodies(server: _Started, model: str, count: int = 500, **more: Any) -> list[dict[str, Any]]:
    """Requests with random histories of users' own items."""
    draws = random.Random(2020)
    users = json.loads(get(server.port, f"/v1/users?model={model}&k=50")[1])["users"]
    items = []
    for one in users:
        history = json.loads(get(server.port, f"/v1/users/{one['user']}?model={model}")[1])["items"]
        items.append([item["item"] for item in history])
    known = sorted({item for history in items for item in history})
    return [{"model": model, "k": 10, "history": draws.sample(known, _HISTORY), **more} for _ in range(count)]


def _measured(server: _Started, path: str, bodies: Sequence[Any], **how: Any) -> tuple[Outcome, float]:
    """What clients met, and milliseconds of the server's processor an answer."""
    ask(server.port, path, bodies, clients=1, seconds=5, most=30)
    before = server.processor()
    met = ask(server.port, path, bodies, **how)
    return met, 1000 * (server.processor() - before) / max(1, len(met.seconds))


def _row(*cells: object) -> None:
    shown = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
    print(f"| {' | '.join(shown)} |", flush=True)


def _measure(server: _Started, model: str, options: argparse.Namespace, workers: int) -> None:
    load = os.getloadavg()[0]
    for words, clients, more in (
        ("one at a time", 1, {}),
        ("with reasons", 1, {"explain": True}),
        ("mmr", 1, {"rerank": {"method": "mmr", "lambda": 0.7}}),
        (f"{options.clients} clients", options.clients, {}),
    ):
        seconds = options.seconds if clients > 1 else options.seconds / 4
        met, cost = _measured(
            server, "/v1/recommend", _bodies(server, model, **more), clients=clients, seconds=seconds
        )
        errors = met.errors or "none"
        _row(model, workers, words, met.ms(0.5), met.ms(0.99), met.a_second, cost, errors, load)


def main() -> None:
    """Prints one table of the servers, and one of requests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--requests", type=int, default=50_000, help="for the memory of the last one")
    parser.add_argument(
        "--beside", action="store_true", help="implicit, trained on the data of the first run"
    )
    options = parser.parse_args()
    _row(
        "model", "processes", "requests", "median ms", "p99 ms", "a second", "processor ms", "errors", "load"
    )
    _row("---", *["---:"] * 8)
    ends = []
    for workers in options.workers:
        words = ["run.py", "serve", *map(str, options.runs), "--port=PORT", f"--workers={workers}"]
        with _started(words) as server:
            start = server.memory()
            for run in options.runs:
                _measure(server, run.name, options, workers)
            bodies = _bodies(server, options.runs[0].name)
            each = max(1, options.requests // options.clients)
            middle = server.memory()
            ask(server.port, "/v1/recommend", bodies, clients=options.clients, seconds=600, most=each)
            ends.append((workers, server.seconds, start, middle, server.memory(), len(server.family())))
    if options.beside:
        with _started(["-m", "benchmarks.serving.beside", str(options.runs[0]), "PORT"]) as server:
            _beside(server, options)
    print()
    _row(
        "processes",
        "start to ready s",
        "MiB",
        "MiB before",
        f"after {options.requests:,} more",
        "of the system",
    )
    _row(*["---:"] * 6)
    for end in ends:
        _row(*end)


def _beside(server: _Started, options: argparse.Namespace) -> None:
    """The same requests to implicit."""
    words = ["run.py", "serve", str(options.runs[0]), "--port=PORT"]
    with _started(words) as own:
        bodies = _bodies(own, options.runs[0].name)
    for shown, clients in (("one at a time", 1), (f"{options.clients} clients", options.clients)):
        seconds = options.seconds if clients > 1 else options.seconds / 4
        met, cost = _measured(server, "/v1/recommend", bodies, clients=clients, seconds=seconds)
        errors = met.errors or "none"
        _row("implicit", 1, shown, met.ms(0.5), met.ms(0.99), met.a_second, cost, errors, os.getloadavg()[0])


if __name__ == "__main__":
    main()
