"""The work of a study as jobs: what depends on what is a chain, where a job runs is an executor's.

A chain is a generator that yields the jobs it can have computed now and receives their results. :func:`run_chains`
keeps an executor busy with the jobs of all chains: a search goes on with its next trial while cells of other models are
trained. One process, several, and a Ray cluster differ in the executor only.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from recbole_ext.data.build import DataCache
from recbole_ext.errors import OutputError
from recbole_ext.progress import stage

__all__ = [
    "Chain",
    "Executor",
    "InProcess",
    "Job",
    "Lost",
    "LostWorkError",
    "Place",
    "Work",
    "out_of_memory",
    "run_chains",
]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Place:
    """Where a job runs.

    Attributes:
        cache: The interactions that this process has read.
        tell: Receives a few words on how far the job is.
    """

    cache: DataCache
    tell: Callable[[str], None] = lambda _: None


class Work(Protocol):
    """What a job does; it is pickled, so that another process can do it, and gives the same result there."""

    def __call__(self, place: Place) -> Any:
        """Does it."""
        ...


@dataclass(frozen=True)
class Job:
    """A piece of work that depends on nothing unfinished.

    Attributes:
        name: As it is shown: ``SASRec-seed1``.
        work: What is done.
        later: Jobs of a smaller number are started first.
        on_end: Receives the result in the process of the study; not called for a lost job.
    """

    name: str
    work: Work
    later: int = 0
    on_end: Callable[[Any], None] = lambda _: None


@dataclass(frozen=True)
class Lost:
    """In place of the result of a job that could not be computed wherever it was tried.

    Attributes:
        reason: A clause: ``it ran out of memory``.
    """

    reason: str


class LostWorkError(OutputError):
    """Some jobs of a chain were lost; the other chains go on."""


class Executor(Protocol):
    """Where jobs run."""

    @property
    def slots(self) -> int:
        """How many jobs run at once; at least 1."""
        ...

    def free(self) -> bool:
        """Whether a job that is started now would run at once."""
        ...

    def start(self, job: Job) -> int:
        """Starts a job and returns its number."""
        ...

    def ended(self) -> Iterator[tuple[int, Any]]:
        """Number and result, or :class:`Lost`, of jobs that have ended; waits a moment for the first.

        Raises:
            RecBoleExtError: The error that a job ended with.
        """
        ...

    def at_work(self) -> list[str]:
        """What runs where, one text a job; empty where the stages of the work itself are shown."""
        ...


Chain = Generator[Sequence[Job], list[Any], _Result]


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was refused; torch's processor allocator has no class of its own for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "not enough memory" in text
    )


class InProcess:
    """One job after the other, in this process.

    Args:
        cache: Interactions that this process has read.
    """

    slots = 1

    def __init__(self, cache: DataCache) -> None:
        self._place = Place(cache)
        self._numbers = itertools.count()
        self._next: tuple[int, Job] | None = None

    def free(self) -> bool:
        """Whether no job waits."""
        return self._next is None

    def start(self, job: Job) -> int:
        """The job will be done when its result is asked for."""
        self._next = next(self._numbers), job
        return self._next[0]

    def ended(self) -> Iterator[tuple[int, Any]]:
        """Does the job."""
        if self._next is None:
            return
        (number, job), self._next = self._next, None
        try:
            result = job.work(self._place)
        except Exception as error:
            if not out_of_memory(error):
                raise
            result = Lost(f"it ran out of memory ({error})")
        yield number, result

    def at_work(self) -> list[str]:
        """Nothing: the stages of the work are shown."""
        return []


@dataclass
class _Waiting:
    """A chain that waits for its jobs.

    Attributes:
        results: In the order of the jobs.
        left: Number of jobs that have not ended.
    """

    results: list[Any]
    left: int


@dataclass
class _Line:
    """All chains on one executor.

    Attributes:
        ready: What can be started, the first one first: jobs, and chains that have not begun. A chain begins before
            jobs that are later, so that its searches do not wait for the cells of another.
        running: Number of a job to the job, its chain and its place among the chain's jobs.
        incomplete: Chains with lost jobs.
    """

    chains: Sequence[Chain[Any]]
    executor: Executor
    results: dict[int, Any] = field(default_factory=dict)
    ready: list[tuple[int, int, int, Job | None]] = field(default_factory=list)
    running: dict[int, tuple[Job, int, int]] = field(default_factory=dict)
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    incomplete: list[LostWorkError] = field(default_factory=list)

    def run(self) -> None:
        """Until every chain has ended."""
        self.ready = [(0, index, 0, None) for index in range(len(self.chains))]
        with stage("running", None) as running:
            while self.ready or self.running:
                while self.ready and self.executor.free():
                    self._start()
                for number, result in self.executor.ended():
                    self._end(number, result)
                running.advance(0, "; ".join(self.executor.at_work()))

    def _start(self) -> None:
        _, index, place, job = heapq.heappop(self.ready)
        if job is None:
            self._go_on(index, None)
        else:
            self.running[self.executor.start(job)] = job, index, place

    def _end(self, number: int, result: Any) -> None:
        job, index, place = self.running.pop(number)
        waiting = self.waiting[index]
        waiting.results[place] = result
        waiting.left -= 1
        if not isinstance(result, Lost):
            job.on_end(result)
        if not waiting.left:
            self._go_on(index, waiting.results)

    def _go_on(self, index: int, results: list[Any] | None) -> None:
        """The chain yields its next jobs, or ends; a chain may yield none."""
        chain = self.chains[index]
        try:
            jobs = next(chain) if results is None else chain.send(results)
            while not jobs:
                jobs = chain.send([])
        except StopIteration as end:
            self.results[index] = end.value
            return
        except LostWorkError as error:
            self.incomplete.append(error)
            return
        self.waiting[index] = _Waiting([None] * len(jobs), len(jobs))
        for place, job in enumerate(jobs):
            heapq.heappush(self.ready, (job.later, index, place, job))


def run_chains(chains: Sequence[Chain[_Result]], executor: Executor) -> list[_Result]:
    """Computes chains that do not depend on each other.

    Args:
        chains: Those before others are preferred.
        executor: Where jobs run.

    Returns:
        What the chains have returned, in their order.

    Raises:
        LostWorkError: Jobs were lost; everything else was computed.
        RecBoleExtError: The first error of a chain or a job; the other chains are closed.
    """
    line = _Line(chains, executor)
    with contextlib.ExitStack() as stack:
        for chain in chains:
            stack.callback(chain.close)
        line.run()
    if line.incomplete:
        raise (
            line.incomplete[0]
            if len(line.incomplete) == 1
            else LostWorkError("; ".join(map(str, line.incomplete)))
        )
    return [line.results[index] for index in range(len(chains))]
