"""Jobs in processes of this machine: a worker that is killed costs its job an attempt, and the others nothing."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import optuna
import torch

from recbole_ext.data.build import DataCache
from recbole_ext.errors import RecBoleExtError
from recbole_ext.study.jobs import Job, Lost, Place, Work, out_of_memory

__all__ = ["MOST_ATTEMPTS", "Answer", "Processes", "answered", "value_of", "with_threads"]

MOST_ATTEMPTS = 2
"""A job whose process is killed is tried again once: what kills it twice is likely to be its own need of memory."""

_POLL_SECONDS = 0.3
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)

Answer = tuple[str, Any]
"""``value``, ``lost``, ``error`` or ``bug``, and what belongs to it."""


def answered(work: Work, place: Place) -> Answer:
    """Does work in another process than the study's; whatever happens can be sent back."""
    try:
        return "value", work(place)
    except RecBoleExtError as error:
        with contextlib.suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return "error", error
        return "error", RecBoleExtError(str(error))
    except Exception as error:
        if out_of_memory(error):
            return "lost", f"it ran out of memory ({error})"
        return "bug", traceback.format_exc()


def value_of(answer: Answer, job: Job) -> Any:
    """The result of a job, or :class:`~recbole_ext.study.jobs.Lost`.

    Raises:
        RecBoleExtError: As the job.
        RuntimeError: Anything else went wrong there; the message is its traceback.
    """
    kind, value = answer
    if kind == "error":
        raise value
    if kind == "bug":
        raise RuntimeError(f"{job.name} failed in its own process:\n{value}")
    return Lost(value) if kind == "lost" else value


def with_threads(threads: int) -> None:
    """Fixes the threads of this process, on whose number the last digits of figures depend."""
    torch.set_num_threads(threads)
    with contextlib.suppress(ImportError):
        import threadpoolctl

        threadpoolctl.threadpool_limits(threads)


@contextlib.contextmanager
def _environment(threads: int) -> Iterator[None]:
    """What a process that is started meanwhile finds in its environment: libraries read it when they are loaded."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@dataclass
class _Worker:
    """A process and what it does.

    Attributes:
        process, pipe: The process, and this side of its pipe.
        number: Of its job; None if it waits for one.
        told: The last words on how far that is.
    """

    process: multiprocessing.process.BaseProcess
    pipe: connection.Connection
    number: int | None = None
    told: str = ""


class Processes:
    """Processes that stay, each with its own data; a context manager that ends them.

    Args:
        workers: How many.
        threads: Of each.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.slots, self._threads = workers, threads
        self._context = multiprocessing.get_context("spawn")
        self._numbers = itertools.count()
        self._jobs: dict[int, Job] = {}
        self._attempts: dict[int, int] = {}
        self._workers: list[_Worker] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def free(self) -> bool:
        """Whether a process has nothing to do."""
        return len(self._jobs) < self.slots

    def start(self, job: Job) -> int:
        """Gives the job to a process that waits, or to a new one."""
        number = next(self._numbers)
        self._jobs[number], self._attempts[number] = job, 0
        self._give(number)
        return number

    def _give(self, number: int) -> None:
        worker = next((one for one in self._workers if one.number is None), None) or self._new()
        worker.number, worker.told = number, ""
        self._attempts[number] += 1
        # One that died while it waited is noticed as one that dies at work.
        with contextlib.suppress(OSError):
            worker.pipe.send(self._jobs[number].work)

    def _new(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        with _environment(self._threads):
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def ended(self) -> Iterator[tuple[int, Any]]:
        """As in :class:`~recbole_ext.study.jobs.Executor`."""
        by_pipe = {one.pipe: one for one in self._workers}
        for pipe in connection.wait(list(by_pipe), timeout=_POLL_SECONDS):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                kind, value = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self._lost(worker)
                continue
            if kind == "told":
                worker.told = value
                continue
            number, worker.number = worker.number, None
            if number is not None:
                yield number, value_of((kind, value), self._jobs.pop(number))

    def _lost(self, worker: _Worker) -> Iterator[tuple[int, Any]]:
        """The process has ended: its job is tried again, or lost."""
        worker.process.join()
        worker.pipe.close()
        self._workers.remove(worker)
        number, code = worker.number, worker.process.exitcode or 0
        if number is None:
            return
        if self._attempts[number] < MOST_ATTEMPTS:
            self._give(number)
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        del self._jobs[number]
        yield number, Lost(f"its process {how} {self._attempts[number]} times, perhaps for want of memory")

    def at_work(self) -> list[str]:
        """Each job with the number of its process and the last words on it."""
        return [
            f"{self._jobs[one.number].name} in process {one.process.pid}{one.told and ': '}{one.told}"
            for one in self._workers
            if one.number is not None
        ]


def _serve(pipe: connection.Connection, threads: int) -> None:
    """A worker: does what comes through the pipe, until the study ends."""
    # The study ends its workers itself when it is interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with_threads(threads)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place = Place(DataCache(), lambda words: pipe.send(("told", words)))
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        pipe.send(answered(work, place))


def _end_with_parent() -> None:
    """A study that is killed leaves no worker behind: its folders are left as a killed run leaves them."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
