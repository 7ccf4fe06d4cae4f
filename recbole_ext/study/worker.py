"""One process of a search: takes trials, trains and validates each, and reports the result to the study."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from recbole_ext.config.safe_text import mask_secrets
from recbole_ext.data.build import DataCache
from recbole_ext.errors import RecBoleExtError
from recbole_ext.runs.results import Objective
from recbole_ext.study.queue import Sign, counted, hand_back, next_trial, scratch_of, spent_seconds
from recbole_ext.study.space import SearchSpace
from recbole_ext.trainer import train as pipeline
from recbole_ext.trainer.trainer import EpochReport

__all__ = ["PRUNERS", "SAMPLERS", "Search"]

_WARM_UP = 3
# A journal counts epochs from 0, as version 0.1.0 did: a search that goes on must prune as it began.
_FIRST = 1

SAMPLERS: dict[str, Callable[[int, int], optuna.samplers.BaseSampler]] = {
    "tpe": lambda seed, trials: optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=min(10, max(2, trials // 4)), constant_liar=True
    ),
    "random": lambda seed, trials: optuna.samplers.RandomSampler(seed=seed),
}
"""TPE: Bergstra et al. 2011."""

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
class Search:
    """Everything that a process needs to take part in a search, in picklable form.

    Attributes:
        model, files, overrides: The configuration, without the searched keys.
        space: The search space.
        objectives: One objective, or several for a Pareto front.
        trials: Total over all processes and restarts.
        folder: Output; holds the journal, the lock and the scratch of running trials.
        name, storage: Study, and database URL or ``env:NAME``.
        sampler, pruner: Keys of the tables above.
        seed: Seed of the sampler.
        epochs: Maximum number of epochs of a trial, for Hyperband.
        first: Settings of the first trial, as Optuna stores them.
        budget_seconds: Time of all trials together after which no trial is started; None for no limit.
        exact: Whether to ignore trials beyond ``trials`` from an earlier, longer search.
    """

    model: str
    files: tuple[Path, ...]
    overrides: Mapping[str, Any]
    space: SearchSpace
    objectives: tuple[Objective, ...]
    trials: int
    folder: Path
    name: str
    storage: str | None = field(repr=False)
    sampler: str
    pruner: str
    seed: int
    epochs: int
    first: Mapping[str, Any]
    budget_seconds: float | None
    exact: bool = False

    def run(
        self,
        study: optuna.Study,
        storage: BaseStorage,
        cache: DataCache,
        on_trial: Callable[[], None],
        goes_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Runs trials until none is left or the time budget is spent.

        Args:
            study, storage: Study and storage, opened by this process.
            cache: This process's cache of interactions.
            on_trial: Called after each trial.
            goes_on: Called before each trial; False ends the search.
        """
        study.pruner = PRUNERS[self.pruner](self.epochs)
        while goes_on() and not self.is_spent(study):
            taken = next_trial(study, storage, self.folder, self.trials, self.first)
            if taken is None:
                return
            trial, rank = taken
            # Seeded by the rank: results do not depend on restarts or on which process draws.
            study.sampler = SAMPLERS[self.sampler](self.seed + rank, self.trials)
            try:
                self._tried(study, trial, cache)
            except BaseException:
                frozen = study.get_trials(deepcopy=False)[trial.number]
                if frozen.state == TrialState.RUNNING:
                    hand_back(study, storage, frozen, self.folder)
                raise
            on_trial()

    def is_spent(self, study: optuna.Study) -> bool:
        """Whether the trials so far have used up the time budget; the first trial always runs."""
        trials = counted(study)
        return (
            bool(trials) and self.budget_seconds is not None and spent_seconds(trials) >= self.budget_seconds
        )

    def _tried(self, study: optuna.Study, trial: Trial, cache: DataCache) -> None:
        """Runs one trial to its value, its pruning or its failure."""
        settings = self.space.draw(trial)
        twin = _twin(study, trial)
        if twin is not None:
            trial.set_user_attr("same_as", twin.number)
            for key in ("figures", "epochs", "best_epoch"):
                trial.set_user_attr(key, twin.user_attrs[key])
            study.tell(trial, twin.values)
            return
        scratch = scratch_of(self.folder, trial.number)
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            with Sign(trial):
                result = self._validated(study, trial, settings, scratch, cache)
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            return
        except Exception as error:  # a setting that breaks a model must not end the search
            known = isinstance(error, RecBoleExtError)
            _fail(study, trial, str(error) if known else f"{type(error).__name__}: {error}")
            return
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        values = [result.figures[objective.key] for objective in self.objectives]
        if not all(map(math.isfinite, values)):
            _fail(study, trial, f"{self.objectives[0]} is {values[0]}")
            return
        trial.set_user_attr("figures", result.figures)
        trial.set_user_attr("epochs", result.epochs)
        trial.set_user_attr("best_epoch", result.best_epoch - _FIRST)
        study.tell(trial, values)

    def _validated(
        self, study: optuna.Study, trial: Trial, settings: Mapping[str, Any], scratch: Path, cache: DataCache
    ) -> pipeline.Validated:
        """Trains with the settings; stops if the pruner says so or the time budget is spent."""
        several, began = len(self.objectives) > 1, time.perf_counter()
        others = [t for t in counted(study) if t.number != trial.number]
        left = math.inf
        if self.budget_seconds is not None and any(t.state == TrialState.COMPLETE for t in others):
            left = self.budget_seconds - spent_seconds(others)

        def judge(report: EpochReport) -> None:
            if time.perf_counter() - began > left:
                trial.set_user_attr("reason", "the time of the search was spent")
                raise optuna.TrialPruned
            if several:
                return
            trial.report(report.score, report.epoch - _FIRST)
            if trial.should_prune():
                trial.set_user_attr("reason", f"pruned after epoch {report.epoch}")
                raise optuna.TrialPruned

        metrics = list(dict.fromkeys(objective.metric for objective in self.objectives))
        return pipeline.validate(
            self.model,
            self.files,
            {**self.overrides, **settings},
            metrics=metrics,
            scratch=scratch,
            on_epoch=judge,
            cache=cache,
        )


def _twin(study: optuna.Study, trial: Trial) -> FrozenTrial | None:
    """Returns a finished trial with the same settings, whose result the same seed would reproduce."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((other for other in done if other.params == trial.params), None)


def _fail(study: optuna.Study, trial: Trial, reason: str) -> None:
    trial.set_user_attr("reason", mask_secrets(" ".join(reason.split()))[:500])
    study.tell(trial, state=TrialState.FAIL)
