"""A search: takes trials, has each computed as a job, and reports the result to the study."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from recbole_ext.config.safe_text import mask_secrets
from recbole_ext.runs.results import Objective
from recbole_ext.study.jobs import Chain, Job, Lost
from recbole_ext.study.queue import Sign, counted, hand_back, next_trial, scratch_of, spent_seconds
from recbole_ext.study.space import SearchSpace
from recbole_ext.study.trial import FIRST_EPOCH, PRUNERS, TrialOutcome, TrialWork, known_before, recorded

__all__ = ["PRUNERS", "SAMPLERS", "Search"]

SAMPLERS: dict[str, Callable[[int, int], optuna.samplers.BaseSampler]] = {
    "tpe": lambda seed, trials: optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=min(10, max(2, trials // 4)), constant_liar=True
    ),
    "random": lambda seed, trials: optuna.samplers.RandomSampler(seed=seed),
}
"""TPE: Bergstra et al. 2011."""


@dataclass(frozen=True)
class Search:
    """Everything that the trials of a search share.

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

    def lane(
        self, study: optuna.Study, storage: BaseStorage, on_trial: Callable[[], None], at_once: int = 1
    ) -> Chain[None]:
        """Some trials at once, then the next ones, until none is left or the time budget is spent.

        A trial knows those before its own group, whatever takes how long: the trials do not depend on where they run. A
        search with several lanes starts a trial whenever one has ended, and learns from it, in an order of its own.

        Args:
            study, storage: Study and storage, opened by this process.
            on_trial: Called after each trial.
            at_once: Trials of a group.
        """
        while not self.is_spent(study):
            begun: list[tuple[Trial, TrialWork | None]] = []
            try:
                for _ in range(at_once):
                    taken = next_trial(study, storage, self.folder, self.trials, self.first)
                    if taken is None:
                        break
                    begun.append((taken[0], None))
                    begun[-1] = taken[0], self._drawn(study, *taken)
                if not begun:
                    return
                yield from self._made(study, storage, begun, on_trial)
            except BaseException:
                for trial, _ in begun:
                    frozen = study.get_trials(deepcopy=False)[trial.number]
                    if frozen.state == TrialState.RUNNING:
                        hand_back(study, storage, frozen, self.folder)
                raise

    def is_spent(self, study: optuna.Study) -> bool:
        """Whether the trials so far have used up the time budget; the first trial always runs."""
        trials = counted(study)
        return (
            bool(trials) and self.budget_seconds is not None and spent_seconds(trials) >= self.budget_seconds
        )

    def _drawn(self, study: optuna.Study, trial: Trial, rank: int) -> TrialWork | None:
        """Draws the settings of a trial; None if another one with the same settings gives its result."""
        # Seeded by the rank: results do not depend on restarts or on which lane draws.
        study.sampler = SAMPLERS[self.sampler](self.seed + rank, self.trials)
        settings = self.space.draw(trial)
        twin = _twin(study, trial)
        if twin is None:
            return self._work(study, trial, settings)
        trial.set_user_attr("same_as", twin.number)
        for key in ("figures", "epochs", "best_epoch"):
            trial.set_user_attr(key, twin.user_attrs[key])
        study.tell(trial, twin.values)
        return None

    def _made(
        self,
        study: optuna.Study,
        storage: BaseStorage,
        begun: Sequence[tuple[Trial, TrialWork | None]],
        on_trial: Callable[[], None],
    ) -> Chain[None]:
        """Runs trials to their values, prunings or failures."""
        new = [(trial, work) for trial, work in begun if work is not None]
        results: list[Any] = []
        with contextlib.ExitStack() as signs:
            for trial, _ in new:
                signs.enter_context(Sign(trial))
            if new:
                results = yield [Job(f"trial {trial.number} of {self.name}", work) for trial, work in new]
        for _ in range(len(begun) - len(new)):
            on_trial()
        for (trial, work), outcome in zip(new, results, strict=True):
            shutil.rmtree(work.scratch, ignore_errors=True)  # a lost process may have left it
            if isinstance(outcome, Lost):
                _fail(study, trial, outcome.reason)
            else:
                recorded(study, storage, trial, outcome)
                self._told(study, trial, outcome)
            on_trial()

    def _told(self, study: optuna.Study, trial: Trial, outcome: TrialOutcome) -> None:
        """Tells the study how the trial has ended."""
        if outcome.pruned is not None:
            trial.set_user_attr("reason", outcome.pruned)
            study.tell(trial, state=TrialState.PRUNED)
            return
        if outcome.result is None:
            _fail(study, trial, outcome.failed or "no reason known")
            return
        result = outcome.result
        values = [result.figures[objective.key] for objective in self.objectives]
        if not all(map(math.isfinite, values)):
            _fail(study, trial, f"{self.objectives[0]} is {values[0]}")
            return
        trial.set_user_attr("figures", result.figures)
        trial.set_user_attr("epochs", result.epochs)
        trial.set_user_attr("best_epoch", result.best_epoch - FIRST_EPOCH)
        study.tell(trial, values)

    def _work(self, study: optuna.Study, trial: Trial, settings: Mapping[str, Any]) -> TrialWork:
        others, left = [t for t in counted(study) if t.number != trial.number], math.inf
        if self.budget_seconds is not None and any(t.state == TrialState.COMPLETE for t in others):
            left = self.budget_seconds - spent_seconds(others)
        return TrialWork(
            self.model,
            self.files,
            {**self.overrides, **settings},
            self.objectives,
            scratch_of(self.folder, trial.number),
            self.name,
            self.pruner,
            self.epochs,
            known_before(study, trial.number),
            left,
        )


def _twin(study: optuna.Study, trial: Trial) -> FrozenTrial | None:
    """Returns a finished trial with the same settings, whose result the same seed would reproduce."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((other for other in done if other.params == trial.params), None)


def _fail(study: optuna.Study, trial: Trial, reason: str) -> None:
    trial.set_user_attr("reason", mask_secrets(" ".join(reason.split()))[:500])
    study.tell(trial, state=TrialState.FAIL)
