"""The searches of a comparison: the same budget for every model, and consistent with the finished runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.messages import pluralize
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import seeds_of, short_name
from recbole_ext.runs.run import Run
from recbole_ext.study.cells import Cell, Cells
from recbole_ext.study.jobs import Chain
from recbole_ext.study.plan import TuneOptions, plan_search
from recbole_ext.study.settings import ComparisonSettings
from recbole_ext.study.space import SearchSpace
from recbole_ext.study.tune import TrialReport, TuneResult, search_chain

__all__ = ["Searches", "cell_name", "run_values"]


def cell_name(model: str, seed: int) -> str:
    """Returns the folder name of a run among the cells."""
    return f"{short_name(model)}-seed{seed}"


def run_values(settings: ComparisonSettings, best: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Returns the keys of a final run; the result of a search overrides the keys of all final runs."""
    return {**settings.final, **best, "seed": seed}


@dataclass(frozen=True)
class Searches:
    """The searches of a comparison.

    Attributes:
        settings: Settings of the study.
        folder: Folder of the searches.
        cells: Cells of the runs.
        spaces: Maps models to their checked search spaces.
        report: Receives each line of output for the user.
        command: The command that repeats the study.
    """

    settings: ComparisonSettings
    folder: Path
    cells: Cells
    spaces: Mapping[str, SearchSpace]
    report: Callable[[str], None]
    command: str

    def order(self) -> list[str]:
        """The models; those with finished runs come first, so that conflicts with these are found early."""
        return sorted(self.settings.models, key=lambda model: not self._begun(model))

    def chain(self, model: str) -> Chain[tuple[TuneResult | None, list[Run]]]:
        """The search of a model, if it has a space, and its runs.

        Raises:
            ConfigError: A run was computed with other settings, or a longer search might find other settings.
            RecBoleExtError: As ``tune``.
        """
        found = None
        if model in self.spaces:
            found = yield from self._searched(model, next(iter(self._begun(model)), None))
        best = found.best if found else {}
        runs = yield from self.cells.chain(
            [
                Cell(cell_name(model, seed), model, run_values(self.settings, best, seed))
                for seed in seeds_of(model, self.settings.seeds)
            ]
        )
        return found, runs

    def _begun(self, model: str) -> list[Path]:
        names = (cell_name(model, seed) for seed in seeds_of(model, self.settings.seeds))
        return list(filter(None, map(self.cells.begun, names)))

    def _searched(self, model: str, run: Path | None) -> Chain[TuneResult]:
        """Runs or resumes the search of one model; it must not change after a run was trained with its result."""
        settings, folder = self.settings, self.folder / short_name(model)
        steps, made = self.cells.steps, []

        def tell(trial: TrialReport) -> None:
            made.append(trial)
            steps.took()
            self.report(f"  {model} {trial.done}/{trial.total}: {trial.last}")

        def refuse(done: int) -> None:
            if run is not None:
                raise self._refusal(model, folder, run, done)

        options = TuneOptions(
            space=self.spaces[model],
            trials=settings.trials,
            output=folder,
            sampler=settings.sampler,
            pruner=settings.pruner,
            budget_minutes=settings.budget_minutes,
            exact=True,
        )
        values = {**self.cells.settings, "seed": settings.seeds[0]}
        result = yield from search_chain(
            plan_search(model, self.cells.files, values, options),
            command=self.command,
            report=self.report,
            on_trial=tell,
            before=refuse,
            cache=self.cells.cache,
            at_once=settings.trials_at_once,
        )
        steps.skipped(max(settings.trials - len(made), 0))
        return result

    def _refusal(self, model: str, folder: Path, run: Path, done: int) -> ConfigError:
        budget = self.settings.budget_minutes
        limit = "" if budget is None else f" or {budget:g} minutes"
        wanted = f"{pluralize(self.settings.trials, 'trial')}{limit}"
        remedy = f"set trials to {done}, give" if done else "give"
        return ConfigError(
            f"{run} was trained after {pluralize(done, 'trial')} in {folder}, and a search of {wanted} might find "
            f"other settings: {remedy} another --output, or remove {run.parent / short_name(model)}-seed* to retrain"
        )
