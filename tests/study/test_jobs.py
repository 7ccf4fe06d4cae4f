"""Chains of jobs: what can run at once does, in the order of one process where there is one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from recbole_ext.data.build import DataCache
from recbole_ext.errors import ConfigError
from recbole_ext.study.jobs import Chain, InProcess, Job, Lost, LostWorkError, Place, run_chains


@dataclass(frozen=True)
class Give:
    """Gives a value, or raises it."""

    value: Any

    def __call__(self, place: Place) -> Any:
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


@dataclass
class Hall:
    """An executor of several slots whose jobs end in the order in which they were started."""

    slots: int
    started: list[str] = field(default_factory=list)
    most: int = 0

    def __post_init__(self) -> None:
        self._numbers, self._jobs = itertools.count(), dict[int, Job]()

    def free(self) -> bool:
        return len(self._jobs) < self.slots

    def start(self, job: Job) -> int:
        number = next(self._numbers)
        self._jobs[number] = job
        self.started.append(job.name)
        self.most = max(self.most, len(self._jobs))
        return number

    def ended(self) -> Iterator[tuple[int, Any]]:
        if self._jobs:
            number = min(self._jobs)
            yield number, self._jobs.pop(number).work(Place(DataCache()))

    def at_work(self) -> list[str]:
        return []


def search(name: str, trials: int, cells: int) -> Chain[list[Any]]:
    """Trials one after the other, then cells at once."""
    found: list[Any] = []
    for trial in range(trials):
        found += yield [Job(f"{name}{trial}", Give(trial))]
    found += yield [Job(f"{name}-cell{cell}", Give(f"{name}{cell}"), later=1) for cell in range(cells)]
    return found


def test_one_process_makes_all_searches_before_the_cells() -> None:
    hall = Hall(1)
    found = run_chains([search("a", 2, 2), search("b", 1, 1)], hall)
    assert hall.started == ["a0", "a1", "b0", "a-cell0", "a-cell1", "b-cell0"]
    assert found == [[0, 1, "a0", "a1"], [0, "b0"]]


def test_two_slots_are_kept_busy_and_the_results_are_the_same() -> None:
    hall = Hall(2)
    chains = [search("a", 3, 2), search("b", 1, 2), search("c", 0, 1)]
    assert run_chains(chains, hall) == [[0, 1, 2, "a0", "a1"], [0, "b0", "b1"], ["c0"]]
    assert hall.most == 2
    # The second search does not wait for the first, nor its cells for the end of all searches.
    assert hall.started[:2] == ["a0", "b0"]
    assert hall.started.index("b-cell0") < hall.started.index("a-cell0")


def test_a_result_is_told_before_the_next_job_begins() -> None:
    order: list[Any] = []

    @dataclass(frozen=True)
    class Noted:
        name: str

        def __call__(self, place: Place) -> str:
            order.append(self.name)
            return self.name.upper()

    def chain() -> Chain[None]:
        yield [Job(name, Noted(name), on_end=order.append) for name in ("a", "b")]

    run_chains([chain()], InProcess(DataCache()))
    assert order == ["a", "A", "b", "B"]


def test_a_lost_job_ends_its_chain_and_no_other() -> None:
    def chain(value: Any) -> Chain[str]:
        (result,) = yield [Job("job", Give(value))]
        if isinstance(result, Lost):
            raise LostWorkError(f"lost: {result.reason}")
        return str(result)

    told: list[str] = []

    def other() -> Chain[str]:
        result = yield from chain("kept")
        told.append(result)
        return result

    with pytest.raises(LostWorkError, match=r"^lost: it ran out of memory \(no room\)$"):
        run_chains([chain(MemoryError("no room")), other()], InProcess(DataCache()))
    assert told == ["kept"]


def test_an_error_closes_the_other_chains() -> None:
    closed: list[bool] = []

    def waiting() -> Chain[None]:
        try:
            yield [Job("late", Give(1), later=1)]
        finally:
            closed.append(True)

    def failing() -> Chain[None]:
        yield [Job("bad", Give(ConfigError("no such key")))]

    with pytest.raises(ConfigError, match="no such key"):
        run_chains([waiting(), failing()], InProcess(DataCache()))
    assert closed == [True]


def test_a_chain_may_have_nothing_to_compute() -> None:
    def chain() -> Chain[int]:
        assert (yield []) == []
        return 3

    assert run_chains([chain()], Hall(1)) == [3]
