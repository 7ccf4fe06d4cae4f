"""Turns of processes: nobody takes a trial too many, and what a lost process held is made again."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from recbole_ext.study import queue
from recbole_ext.study.queue import counted, next_trial, scratch_of


def begun(study: optuna.Study, owner: str | None, **attributes: Any) -> optuna.Trial:
    """A trial that somebody has begun."""
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    if owner is not None:
        trial.set_user_attr("owner", owner)
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    return trial


def zombie() -> subprocess.Popen[bytes]:
    """A process that has ended and that nobody has waited for."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    stat = Path(f"/proc/{process.pid}/stat")
    while stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    "gone", ["number given out again", "no such number", "zombie", "silent machine", "before it signed"]
)
def test_a_lost_trial_is_made_again_with_its_settings(gone: str, tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    host, more, child = socket.gethostname(), {}, None
    owner: str | None
    if gone == "zombie":
        if not Path("/proc/self/stat").is_file():
            pytest.skip("the state of a process is known on Linux only")
        child = zombie()
        owner = f"{host}:{child.pid}:12345"
    elif gone == "before it signed":
        owner = None
    elif gone == "silent machine":
        owner, more = "elsewhere:1:1", {"seen": time.time() - 3600}
    else:
        owner = f"{host}:{1 if gone == 'number given out again' else 2**30}:0"
    lost = begun(study, owner, **more)
    scratch_of(tmp_path, lost.number).mkdir(parents=True)
    taken = next_trial(study, storage, tmp_path, 1)
    if child is not None:
        child.wait()
    assert taken is not None
    assert (taken[0].number, taken[1]) == (1, 0)
    assert taken[0].suggest_float("x", 0, 1) == lost.params["x"]
    assert study.trials[0].state == TrialState.FAIL
    assert [trial.number for trial in counted(study)] == [1]
    assert not scratch_of(tmp_path, 0).exists()


def test_a_trial_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    begun(study, queue._owner())
    begun(study, "elsewhere:1:1", seen=time.time())
    assert next_trial(study, storage, tmp_path, 2) is None
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING] * 2


def test_of_two_machines_that_take_the_last_place_one_gives_way(tmp_path: Path, monkeypatch: Any) -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    (tmp_path / "other").mkdir()
    first = next_trial(study, storage, tmp_path, 1)
    assert first is not None
    assert first[1] == 0
    # The other machine has counted before the first one asked.
    real, seen = counted, []

    def late(study: optuna.Study) -> list[Any]:
        seen.append(1)
        return [] if len(seen) == 1 else real(study)

    monkeypatch.setattr(queue, "counted", late)
    assert next_trial(study, storage, tmp_path / "other", 1) is None
    assert [trial.number for trial in counted(study)] == [0]


def test_the_first_trial_has_the_given_settings_even_if_its_process_is_lost(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    first = next_trial(study, storage, tmp_path, 3, {"x": 0.25})
    assert first is not None
    # Lost before it had drawn anything.
    first[0].set_user_attr("owner", f"{socket.gethostname()}:{2**30}:0")
    again = next_trial(study, storage, tmp_path, 3, {"x": 0.25})
    assert again is not None
    assert again[0].suggest_float("x", 0, 1) == 0.25
    other = next_trial(study, storage, tmp_path, 3, {"x": 0.25})
    assert other is not None
    assert other[0].suggest_float("x", 0, 1) != 0.25
