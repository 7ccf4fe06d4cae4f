"""One trial of a search as a job: its result depends on its settings and on earlier trials, not on where it runs."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from recbole_ext.errors import RecBoleExtError
from recbole_ext.runs.results import Objective
from recbole_ext.study.jobs import Place, out_of_memory
from recbole_ext.trainer import train as pipeline
from recbole_ext.trainer.trainer import EpochReport

__all__ = ["FIRST_EPOCH", "PRUNERS", "TrialOutcome", "TrialWork", "known_before", "recorded"]

_WARM_UP = 3
# A journal counts epochs from 0, as version 0.1.0 did: a search that goes on must prune as it began.
FIRST_EPOCH = 1

PRUNERS: dict[str, Callable[[int], optuna.pruners.BasePruner]] = {
    "median": lambda epochs: optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=_WARM_UP),
    "asha": lambda epochs: optuna.pruners.SuccessiveHalvingPruner(min_resource=_WARM_UP, reduction_factor=3),
    "hyperband": lambda epochs: optuna.pruners.HyperbandPruner(
        min_resource=_WARM_UP, max_resource=max(epochs, _WARM_UP), reduction_factor=3
    ),
    "none": lambda epochs: optuna.pruners.NopPruner(),
}
"""Median of the earlier trials at the same epoch; ASHA: Li et al. 2020; Hyperband: Li et al. 2018."""


@dataclass(frozen=True)
class TrialOutcome:
    """What a trial has given.

    Attributes:
        place: Host and process that computed it.
        seconds: It took.
        result: None if the trial was pruned or failed.
        pruned: Why it was pruned; None if it was not.
        failed: Why it failed; None if it did not.
        scores: Epoch, counted as in a journal, to ``valid_metric``.
        notes: What the pruner has noted on the trial.
    """

    place: str
    seconds: float
    result: pipeline.Validated | None = None
    pruned: str | None = None
    failed: str | None = None
    scores: Mapping[int, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialWork:
    """A trial, in picklable form.

    Attributes:
        model, files, values: The configuration, with the trial's settings.
        objectives: One, or several for a Pareto front, which prunes nothing.
        scratch: Folder for its weights.
        study, pruner, epochs: Name of the study, key of :data:`PRUNERS`, and the maximum number of epochs.
        known: All trials with smaller numbers; the pruner looks at them.
        seconds_left: Time that the search has left.
    """

    model: str
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    scratch: Path
    study: str
    pruner: str
    epochs: int
    known: tuple[FrozenTrial, ...]
    seconds_left: float

    @property
    def home(self) -> Path:
        """A folder of the search."""
        return self.scratch.parent

    def __call__(self, place: Place) -> TrialOutcome:
        """Trains and validates, or stops where the pruner says so or the time is spent."""
        began, host = time.perf_counter(), f"{socket.gethostname()}:{os.getpid()}"
        study = optuna.create_study(
            study_name=self.study,
            directions=[one.direction for one in self.objectives],
            pruner=PRUNERS[self.pruner](self.epochs),
        )
        study.add_trials(self.known)
        trial = study.ask()
        found: dict[str, Any] = {}
        try:
            found["result"] = self._validated(trial, place, began)
        except optuna.TrialPruned as stop:
            found["pruned"] = str(stop)
        except Exception as error:  # a setting that breaks a model must not end the search
            known = isinstance(error, RecBoleExtError)
            found["failed"] = str(error) if known else f"{type(error).__name__}: {error}"
            if out_of_memory(error):
                found["failed"] = f"it ran out of memory ({found['failed']})"
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        frozen = study.get_trials(deepcopy=False)[trial.number]
        return TrialOutcome(
            host,
            time.perf_counter() - began,
            scores=dict(frozen.intermediate_values),
            notes=dict(frozen.system_attrs),
            **found,
        )

    def _validated(self, trial: Trial, place: Place, began: float) -> pipeline.Validated:
        several = len(self.objectives) > 1

        def judge(report: EpochReport) -> None:
            place.tell(f"epoch {report.epoch}")
            if time.perf_counter() - began > self.seconds_left:
                raise optuna.TrialPruned("the time of the search was spent")
            if several:
                return
            trial.report(report.score, report.epoch - FIRST_EPOCH)
            if trial.should_prune():
                raise optuna.TrialPruned(f"pruned after epoch {report.epoch}")

        shutil.rmtree(self.scratch, ignore_errors=True)  # of an attempt that was killed
        self.scratch.mkdir(parents=True)
        return pipeline.validate(
            self.model,
            self.files,
            self.values,
            metrics=list(dict.fromkeys(objective.metric for objective in self.objectives)),
            scratch=self.scratch,
            on_epoch=judge,
            cache=place.cache,
        )

    def at(self, root: Path, files: Sequence[Path], data_path: Path) -> TrialWork:
        """The same trial on a machine that does not share this one's disk.

        Args:
            root: A folder there.
            files: The configuration files there.
            data_path: Where the data sets are there.
        """
        values = {**self.values, "data_path": str(data_path)}
        return replace(
            self, files=tuple(files), values=values, scratch=Path(tempfile.mkdtemp(dir=root)) / "scratch"
        )


def known_before(study: optuna.Study, number: int) -> tuple[FrozenTrial, ...]:
    """The trials with smaller numbers, as a study of its own can hold them: none of them waits to be taken."""
    trials = [trial for trial in study.get_trials(deepcopy=True) if trial.number < number]
    for trial in trials:
        if trial.state == TrialState.WAITING:
            trial.state = TrialState.FAIL
            trial.datetime_start = trial.datetime_complete = datetime.now()
    return tuple(trials)


def recorded(study: optuna.Study, storage: BaseStorage, trial: Trial, outcome: TrialOutcome) -> None:
    """Notes on the trial of the study what its job has found on the way, for the pruners of later trials."""
    trial.set_user_attr("place", outcome.place)
    trial.set_user_attr("seconds", outcome.seconds)
    for step, score in outcome.scores.items():
        trial.report(score, step)
    trial_id = storage.get_trial_id_from_study_id_trial_number(
        storage.get_study_id_from_name(study.study_name), trial.number
    )
    for key, value in outcome.notes.items():
        storage.set_trial_system_attr(trial_id, key, value)
