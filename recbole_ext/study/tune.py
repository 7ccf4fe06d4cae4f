"""Hyper-parameter search on validation data: checked before the first trial, resumable after any interruption."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.exc import SQLAlchemyError

from recbole_ext.config.build import host_config, to_plain
from recbole_ext.config.messages import pluralize
from recbole_ext.data.build import DataCache, fingerprint, prepare_data
from recbole_ext.errors import ConfigError, OutputError, RecBoleExtError
from recbole_ext.model.registry import resolve_model
from recbole_ext.progress import stage
from recbole_ext.runs.files import alone_in, is_busy, made_folder
from recbole_ext.runs.kinds import check_study_folder
from recbole_ext.runs.protocol import NOT_COMPARED
from recbole_ext.study.executor import opened
from recbole_ext.study.jobs import Chain, run_chains
from recbole_ext.study.plan import SearchPlan, TuneOptions, plan_search
from recbole_ext.study.queue import counted
from recbole_ext.study.storage import has_trials, open_storage, open_study, reason_of
from recbole_ext.study.tune_result import TrialReport, TuneResult, check_kept, outcome_of, report_of
from recbole_ext.study.worker import Search
from recbole_ext.trainer.configure import available_dataset, read_model_config

__all__ = ["TrialReport", "TuneOptions", "run_search", "search_chain", "tune"]


def tune(
    model: str | None,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    options: TuneOptions,
    *,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
    on_trial: Callable[[TrialReport], None] = lambda _: None,
    before: Callable[[int], None] = lambda _: None,
    cache: DataCache | None = None,
) -> TuneResult:
    """Searches the space for the best settings on validation; test items are never ranked.

    The first trial uses the configuration's own settings, or the nearest settings in the space, so that a short search
    is not worse than the defaults.

    The same call resumes an interrupted search: finished trials are kept, trials of lost processes are repeated, and
    the total is ``trials``. Several processes may make the call at once. A trial whose
    process is killed twice has failed.

    Args:
        model: A name of the registry or ``package.module:Class``; if None, the key ``model`` of the files.
        files: YAML files, later ones win.
        overrides: Keys that override all files; none of them may be searched.
        options: Options of the search.
        command: Written to the first line of the output files.
        report: Receives each line of output for the user.
        on_trial: Receives a report after each trial.
        before: Called with the number of finished trials before new ones start; an error it raises ends the search.
        cache: Interactions already read by this process.

    Raises:
        ConfigError: The space, an option or the configuration is invalid, or no trial gave a value.
        OutputError: The folder cannot be written, its journal is damaged, or trials of its results are lost.
    """
    plan = plan_search(model, files, overrides, options)
    return run_search(
        plan, command=command, report=report, on_trial=on_trial, before=before, cache=cache or DataCache()
    )


def run_search(
    plan: SearchPlan,
    *,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
    on_trial: Callable[[TrialReport], None] = lambda _: None,
    before: Callable[[int], None] = lambda _: None,
    cache: DataCache,
) -> TuneResult:
    """Runs a search that was checked; otherwise as :func:`tune`."""
    with _begun(plan, command, report, on_trial, before, cache) as begun:
        with opened(plan.options.where, cache) as executor:
            lanes = 1 if begun.is_over() else min(executor.slots, plan.options.trials)
            run_chains([begun.lane() for _ in range(lanes)], executor)
        return begun.outcome()


def search_chain(
    plan: SearchPlan,
    *,
    command: str,
    report: Callable[[str], None],
    on_trial: Callable[[TrialReport], None],
    before: Callable[[int], None],
    cache: DataCache,
    at_once: int,
) -> Chain[TuneResult]:
    """A search among other work, so many trials at once; they do not depend on where they run.

    Other arguments and errors as of :func:`tune`.
    """
    with _begun(plan, command, report, on_trial, before, cache) as begun:
        yield from begun.lane(at_once)
        return begun.outcome()


@dataclass(frozen=True)
class _Begun:
    """A search in its folder, which no other kind of command uses meanwhile."""

    search: Search
    study: optuna.Study
    storage: BaseStorage
    identity: dict[str, Any]
    command: str
    on_trial: Callable[[TrialReport], None]

    def is_over(self) -> bool:
        """Whether no trial is left to be made."""
        return _finished(self.study) >= self.search.trials or self.search.is_spent(self.study)

    def lane(self, at_once: int = 1) -> Chain[None]:
        """As :meth:`~recbole_ext.study.worker.Search.lane`."""
        return self.search.lane(
            self.study, self.storage, lambda: self.on_trial(report_of(self.study, self.search)), at_once
        )

    def outcome(self) -> TuneResult:
        """Writes and returns the result."""
        return outcome_of(self.study, self.search, self.identity, self.command)


@contextlib.contextmanager
def _begun(
    plan: SearchPlan,
    command: str,
    report: Callable[[str], None],
    on_trial: Callable[[TrialReport], None],
    before: Callable[[int], None],
    cache: DataCache,
) -> Iterator[_Begun]:
    """Opens the search; the arguments are those of :func:`tune`."""
    if plan.options.output is not None:
        check_study_folder(plan.options.output, "search")  # before hours of preparing a data set
    search, identity = _prepared(plan, report, cache)
    check_study_folder(search.folder, "search")
    busy = is_busy(search.folder)
    storage = _opened(search)
    with alone_in(search.folder, shared=True):
        study = _study(search, identity, storage, busy)
        done = _finished(study)
        report(
            f"study {search.name}: {_progress(done, search)}, {' and '.join(map(str, search.objectives))} on "
            f"validation; output: {search.folder}"
        )
        if done < search.trials and not search.is_spent(study):
            before(done)
        if len(search.objectives) > 1 and plan.options.pruner != "none":
            report("several objectives: trials are not pruned, because no single figure ranks them")
        words = f"searching {plan.spec.name},"
        with _kept_database(), stage(words, search.trials, "trials", before=done) as searching:

            def told(trial: TrialReport) -> None:
                best = None if trial.best is None else f"best {trial.objective} {trial.best:.4f}"
                searching.at(trial.done, best)
                on_trial(trial)

            yield _Begun(search, study, storage, identity, command, told)


def _study(search: Search, identity: dict[str, Any], storage: BaseStorage, busy: bool) -> optuna.Study:
    """The study in its folder; ``busy`` says whether another process works there."""
    _check_folder(storage, search)
    remedy = (
        f"a search is running in {search.folder}, give another --output"
        if busy
        else f"give another --output, or remove {search.folder}"
    )
    study = open_study(
        storage,
        search.name,
        [objective.direction for objective in search.objectives],
        identity,
        remedy if search.storage is None else "give another --name and another --output",
    )
    check_kept(study, search)
    return study


@contextlib.contextmanager
def _kept_database() -> Iterator[None]:
    """A database that is lost on the way is one sentence."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise OutputError(
            f"the database was lost ({reason_of(error)}): repeat the command to go on"
        ) from error


def _opened(search: Search) -> BaseStorage:
    """Opens the search's database; removes the folder it created if that fails."""
    new = [place for place in (search.folder, *search.folder.parents) if not place.exists()]
    made_folder(search.folder)
    try:
        return open_storage(search.storage, search.folder)
    except RecBoleExtError:
        with contextlib.suppress(OSError):  # it is no longer empty
            for place in new:
                place.rmdir()
        raise


def _progress(done: int, search: Search) -> str:
    """Describes the progress; an earlier search may have made more trials than requested now."""
    if done <= search.trials:
        return f"{done} of {pluralize(search.trials, 'trial')} done"
    count = "count" if search.trials > 1 else "counts"
    rest = f"of which the first {search.trials} {count}" if search.exact else "all of which count"
    return f"{pluralize(done, 'trial')} done where {search.trials} would do, {rest}"


def _check_folder(storage: BaseStorage, search: Search) -> None:
    """Rejects a folder with results of another search or of lost trials, which must not be overwritten."""
    if search.storage is None:
        others = {study.study_name for study in storage.get_all_studies()} - {search.name}
        if others:
            raise ConfigError(f"{search.folder} holds the study {min(others)!r}: give another --output")
    if (search.folder / "trials.csv").is_file() and not has_trials(storage, search.name):
        raise OutputError(
            f"{search.folder} holds results of a search, but its database was lost and has no trials of "
            f"{search.name!r}: restore the database, or give another --output"
        )


def _prepared(
    plan: SearchPlan, report: Callable[[str], None], cache: DataCache
) -> tuple[Search, dict[str, Any]]:
    """Prepares the search on the data set that is available, and the data that its trials share."""
    dataset = available_dataset(plan.config, report)
    values = {**plan.values, "dataset": dataset, "valid_metric": str(plan.objectives[0])}
    _, checked = read_model_config(plan.model, plan.files, values)
    config = host_config(checked, resolve_model(plan.model)[1])
    data = prepare_data(config, cache)
    identity = {
        "model": plan.model,
        "space": plan.space.plain(),
        "objectives": [str(objective) for objective in plan.objectives],
        "config": {key: value for key, value in to_plain(config).items() if key not in NOT_COMPARED},
        "data": fingerprint(data.split),
    }
    return _search(plan, values, config), identity


def _search(plan: SearchPlan, values: Mapping[str, Any], config: Any) -> Search:
    options = plan.options
    study_name = options.name or f"{config['dataset']}-{plan.spec.name}"
    return Search(
        model=plan.model,
        files=plan.files,
        overrides=values,
        space=plan.space,
        objectives=plan.objectives,
        trials=options.trials,
        folder=options.output or Path("saved") / "tune" / study_name,
        name=study_name,
        storage=options.storage,
        sampler=options.sampler,
        pruner="none" if len(plan.objectives) > 1 else options.pruner,
        seed=int(config["seed"]),
        epochs=int(config["epochs"]),
        first=plan.space.nearest_to({key: config[key] for key in plan.space.parameters}),
        budget_seconds=None if options.budget_minutes is None else 60 * options.budget_minutes,
        exact=options.exact,
    )


def _finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in counted(study))
