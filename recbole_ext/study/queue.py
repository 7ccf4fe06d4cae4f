"""Whose turn it is: several processes on one study, of which any may be killed, make an exact number of trials."""

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

__all__ = ["Sign", "counted", "hand_back", "next_trial", "scratch_of", "spent_seconds"]

_SIGN_SECONDS = 60.0
_STALE_SECONDS = 600.0
_GRACE_SECONDS = 2.0
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def _process(pid: int) -> str:
    """A process by number and start, since numbers are given out again; the start is known on Linux only.

    One that has ended but that nobody has waited for (state Z or X) has no start.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{pid}:" if fields[0] in "ZX" else f"{pid}:{fields[19]}"
    except OSError:
        return f"{pid}:"


def _owner() -> str:
    return f"{socket.gethostname()}:{_process(os.getpid())}"


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether the process of a running trial is gone; of another machine, whether it has given no sign for long."""
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
    """Taken, but not signed yet; processes of one machine sign before they give the lock back."""
    return trial.state == TrialState.RUNNING and "owner" not in trial.user_attrs


def _lost_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Running trials that nobody works on."""
    trials = study.get_trials(deepcopy=False)
    nameless = {trial.number for trial in trials if _is_nameless(trial)}
    if nameless:
        # Its process was killed in between, unless another machine is just about to sign.
        time.sleep(_GRACE_SECONDS)
        trials = study.get_trials(deepcopy=False)
    return [
        trial for trial in trials if (trial.number in nameless if _is_nameless(trial) else _is_lost(trial))
    ]


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count, running ones included: not those whose process was lost or that came too late."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state == TrialState.RUNNING
        or (trial.state in _FINISHED and not trial.user_attrs.get("lost"))
    ]


def scratch_of(folder: Path, number: int) -> Path:
    """Where a trial keeps its weights while it runs."""
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
    """Takes the next trial, unless ``total`` are done or taken.

    Processes of one machine take turns by a lock. Those of several machines may each take the last place: the trial
    with the larger number then gives way.

    Args:
        study, storage: Of the search.
        folder: Of this machine's lock and scratch.
        total: Trials of the search.
        first: Settings of the very first trial; those that are missing are drawn.

    Returns:
        The trial and its rank among those that count, from 0 on; or None.
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
    """While it is open, the trial says once a minute that its process lives."""

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
    """Time of the finished trials."""
    return sum(
        (trial.datetime_complete - trial.datetime_start).total_seconds()
        for trial in trials
        if trial.datetime_complete and trial.datetime_start
    )
