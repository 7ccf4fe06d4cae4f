"""Several processes of one machine: the numbers of one, and nothing lost with a process that is killed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_ext.errors import ConfigError, DataError
from recbole_ext.study.jobs import Chain, Job, Lost, Place, run_chains
from recbole_ext.study.processes import Processes
from recbole_ext.study.where import Where
from tests.study.small import check_same, computed, write_study


@dataclass(frozen=True)
class Deed:
    """Work whose process may be killed: ``until`` attempts of it are."""

    folder: Path
    until: int
    error: Exception | None = None

    def __call__(self, place: Place) -> tuple[int, int]:
        place.tell("begun")
        attempt = len(list(self.folder.iterdir()))
        (self.folder / str(attempt)).touch()
        if attempt < self.until:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.error is not None:
            raise self.error
        return attempt, torch.get_num_threads()


def each(works: list[Deed]) -> Chain[list[Any]]:
    results = yield [Job(f"job {number}", work) for number, work in enumerate(works)]
    return results


@pytest.mark.slow
def test_a_killed_process_costs_its_job_an_attempt_and_the_others_nothing(tmp_path: Path) -> None:
    def deed(name: str, until: int, error: Exception | None = None) -> Deed:
        (tmp_path / name).mkdir()
        return Deed(tmp_path / name, until, error)

    works = [deed("once", 1), deed("always", 9), deed("memory", 0, MemoryError("no room")), deed("never", 0)]
    with Processes(1, 2) as processes:
        ((once, always, memory, never),) = run_chains([each(works)], processes)
        assert (once, never) == ((1, 2), (0, 2))
        assert always == Lost("its process was killed by signal 9 2 times, perhaps for want of memory")
        assert memory == Lost("it ran out of memory (no room)")
        # An error of the user's keeps its kind and words.
        with pytest.raises(DataError, match="no such column"):
            run_chains([each([deed("wrong", 0, DataError("no such column"))])], processes)
        assert len(list((tmp_path / "wrong").iterdir())) == 1


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(quick: dict[str, Any], tmp_path: Path) -> None:
    curves = {"models": 1, "methods": ["popularity_penalty"]}
    file = write_study(tmp_path, quick, curves=curves, trials=5, trials_at_once=2)
    alone = computed(file, tmp_path / "alone", Where())
    # The threads of this process are those of the tests.
    both = computed(file, tmp_path / "both", Where(workers=2, cores_per_run=torch.get_num_threads()))
    check_same(both, alone)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, r"--workers is 0: give 1 or more"),
        ({"cores_per_run": 0}, r"--cores-per-run is 0: give a number above 0"),
        ({"cores_per_run": 0.5}, r"give a whole number, or a fraction with --ray"),
        ({"gpus_per_run": 1}, r"--gpus-per-run is a claim on a Ray cluster: add --ray"),
        ({"gib_per_run": 2}, r"--gib-per-run is a claim on a Ray cluster: add --ray"),
        ({"ray": "auto", "workers": 2}, r"--workers and --ray exclude each other"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Where(**options).check()


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--ray needs Ray, .* pip install 'recbole_ext\[ray\]'"):
        Where(ray="auto").check()
