"""The trial queue: several processes share a study and make an exact number of trials, even if some are killed."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from recbole_ext.study.storage import locked

__all__ = ["Sign", "counted", "hand_back", "next_trial", "scratch_of", "seconds_of", "spent_seconds"]

_SIGN_SECONDS = 60.0
_STALE_SECONDS = 600.0
_GRACE_SECONDS = 2.0
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def _process(pid: int) -> str:
    """Identifies a process by number and start time, since numbers are reused; the start is known on Linux only.

    A process that has ended but has not been reaped (state Z or X) has no start time.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{pid}:" if fields[0] in "ZX" else f"{pid}:{fields[19]}"
    except OSError:
        return f"{pid}:"


def _owner() -> str:
    return f"{socket.gethostname()}:{_process(os.getpid())}"


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether a running trial's process has ended or, on another machine, its heartbeat has stopped."""
    if trial.state != TrialState.RUNNING:
        return False
    host, _, process = trial.user_attrs.get("owner", "").partition(":")
    if host == socket.gethostname():
        pid = int(process.partition(":")[0])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _process(pid) != process
    began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - float(trial.user_attrs.get("seen", began)) > _STALE_SECONDS


def _is_nameless(trial: FrozenTrial) -> bool:
    """Whether a trial is taken but has no owner yet; processes of one machine sign before they release the lock."""
    return trial.state == TrialState.RUNNING and "owner" not in trial.user_attrs


def _lost_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Running trials whose process is gone."""
    trials = study.get_trials(deepcopy=False)
    nameless = {trial.number for trial in trials if _is_nameless(trial)}
    if nameless:
        # Its process was killed before signing, unless another machine is about to sign.
        time.sleep(_GRACE_SECONDS)
        trials = study.get_trials(deepcopy=False)
    return [
        trial for trial in trials if (trial.number in nameless if _is_nameless(trial) else _is_lost(trial))
    ]


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials that count, running ones included; lost and surplus trials are excluded."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == TrialState.RUNNING
        or (trial.state in _FINISHED and not trial.user_attrs.get("lost"))
    ]


def scratch_of(folder: Path, number: int) -> Path:
    """Returns the folder for a trial's weights while it runs."""
    return folder / "scratch" / str(number)


def hand_back(study: optuna.Study, storage: BaseStorage, trial: FrozenTrial, folder: Path) -> None:
    """Marks a running trial as lost and puts its settings first in the queue."""
    study_id = storage.get_study_id_from_name(study.study_name)
    trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
    try:
        storage.set_trial_user_attr(trial_id, "lost", True)
        study.tell(trial.number, state=TrialState.FAIL)
    except (optuna.exceptions.UpdateFinishedTrialError, ValueError, RuntimeError):
        return  # another machine was faster
    settings = trial.params or trial.system_attrs.get("fixed_params")
    if settings:
        study.enqueue_trial(settings)
    shutil.rmtree(scratch_of(folder, trial.number), ignore_errors=True)


def next_trial(
    study: optuna.Study,
    storage: BaseStorage,
    folder: Path,
    total: int,
    first: Mapping[str, Any] | None = None,
) -> tuple[Trial, int] | None:
    """Takes the next trial, unless ``total`` trials are done or taken.

    Processes of one machine take turns with a lock. Processes of several machines may each take the last place; the
    trial with the larger number then yields.

    Args:
        study, storage: Study and storage of the search.
        folder: Folder of this machine's lock and scratch files.
        total: Number of trials of the search.
        first: Settings of the first trial; missing ones are drawn.

    Returns:
        The trial and its rank, from 0, among the trials that count; or None.
    """
    with locked(folder / "study.lock"):
        for trial in _lost_trials(study):
            hand_back(study, storage, trial, folder)
        if len(counted(study)) >= total:
            return None
        if first and not study.get_trials(deepcopy=False):
            study.enqueue_trial(dict(first))
        mine = study.ask()
        mine.set_user_attr("owner", _owner())
    rank = sum(trial.number < mine.number for trial in counted(study))
    if rank >= total:
        mine.set_user_attr("lost", True)
        study.tell(mine, state=TrialState.FAIL)
        return None
    return mine, rank


class Sign:
    """A context manager that records once a minute that the trial's process is alive."""

    def __init__(self, trial: Trial) -> None:
        self._trial, self._end = trial, threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        while not self._end.wait(_SIGN_SECONDS):
            self._trial.set_user_attr("seen", time.time())

    def __enter__(self) -> Sign:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()


def spent_seconds(trials: Sequence[FrozenTrial]) -> float:
    """Returns the total time of the finished trials, in seconds, without the time that they waited for a process."""
    return sum(seconds_of(trial) or 0.0 for trial in trials)


def seconds_of(trial: FrozenTrial) -> float | None:
    """How long a trial took; None if it has not ended."""
    took: float | None = trial.user_attrs.get("seconds")
    return trial.duration.total_seconds() if took is None and trial.duration else took
