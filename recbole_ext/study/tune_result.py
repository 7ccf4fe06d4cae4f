"""The result of a search: the winner as a configuration file, a table of all trials, and the Pareto front."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import polars as pl
import yaml
from optuna.trial import FrozenTrial, TrialState

from recbole_ext.config.read import user_values
from recbole_ext.data.files import write_whole
from recbole_ext.errors import ConfigError, OutputError
from recbole_ext.runs.forms import write_form
from recbole_ext.runs.lists import write_table
from recbole_ext.runs.results import TuneFigures
from recbole_ext.study.queue import counted, seconds_of, spent_seconds
from recbole_ext.study.worker import Search

__all__ = ["TrialReport", "TuneResult", "check_kept", "outcome_of", "report_of"]


@dataclass(frozen=True)
class TrialReport:
    """The state of a search after a trial.

    Attributes:
        done, total: Number of finished trials and of all trials.
        last: Number and state of the last finished trial, with its value if it has one.
        best: Best value of the first objective so far, or None.
        best_number: The trial that gave it.
        objective: The first objective's name.
    """

    done: int
    total: int
    last: str
    best: float | None
    best_number: int | None
    objective: str


@dataclass(frozen=True)
class TuneResult:
    """The result of a finished search.

    Attributes:
        folder: Holds ``best.yaml``, ``trials.csv``, ``trials.parquet`` and ``tuning.json``.
        best: The winner's settings; of several objectives the best in the first one.
        figures: Validation figures of the winner.
        value: The winner's value of the first objective.
        front: Numbers of the Pareto-optimal trials; the winner alone if there is one objective.
        summary: The content of ``tuning.json``.
    """

    folder: Path
    best: dict[str, Any]
    figures: dict[str, float]
    value: float
    front: tuple[int, ...]
    summary: dict[str, Any]


def _complete(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def _winner(trials: list[FrozenTrial], search: Search) -> FrozenTrial:
    """Returns the trial with the best first objective, ties by the earlier trial."""
    sign = -1 if search.objectives[0].bigger else 1
    return min(trials, key=lambda trial: (sign * trial.values[0], trial.number))


def report_of(study: optuna.Study, search: Search) -> TrialReport:
    """The state of a search."""
    done = [trial for trial in counted(study) if trial.state.is_finished()]
    complete = _complete(done)
    best = _winner(complete, search) if complete else None
    last = max(done, key=lambda trial: trial.datetime_complete or datetime.min)
    state = f"{last.values[0]:.4f}" if last.values else last.state.name.lower()
    if last.state != TrialState.COMPLETE:
        state = f"{last.state.name.lower()} ({last.user_attrs.get('reason', 'no reason known')})"
    return TrialReport(
        done=len(done),
        total=search.trials,
        last=f"trial {last.number}: {state}",
        best=best.values[0] if best else None,
        best_number=best.number if best else None,
        objective=str(search.objectives[0]),
    )


def _settings(trial: FrozenTrial, search: Search) -> dict[str, Any]:
    """Returns the trial's values in configuration form; Optuna stores lists as JSON text."""
    by_label = {
        name: {json.dumps(choice): choice for choice in getattr(parameter, "choices", ())}
        for name, parameter in search.space.parameters.items()
    }
    return {
        name: by_label[name].get(value, value) if isinstance(value, str) else value
        for name, value in trial.params.items()
    }


def _table(trials: list[FrozenTrial], search: Search) -> pl.DataFrame:
    """One row per trial: number, state, objectives, time, epochs, settings, reason."""
    rows = []
    for trial in trials:
        values = trial.values if trial.state == TrialState.COMPLETE else [None] * len(search.objectives)
        attributes = trial.user_attrs
        rows.append(
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                **{o.key: value for o, value in zip(search.objectives, values, strict=True)},
                "seconds": seconds_of(trial),
                "epochs": attributes.get("epochs"),
                # A journal counts from 0, as version 0.1.0 did.
                "best_epoch": attributes["best_epoch"] + 1 if "best_epoch" in attributes else None,
                **{name: trial.params.get(name) for name in search.space.parameters},
                "same_as": attributes.get("same_as"),
                "reason": attributes.get("reason"),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)


def _no_value(trials: list[FrozenTrial], search: Search) -> ConfigError:
    states = [trial.state for trial in trials]
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    reason = failed[-1].user_attrs.get("reason", "unknown") if failed else "none failed"
    all_of = "the only trial" if len(trials) == 1 else f"each of the {len(trials)} trials"
    remedy = (
        f"remove the folder {search.folder}" if search.storage is None else "give another --name and --output"
    )
    return ConfigError(
        f"{all_of} of {search.name} ended without a value ({len(failed)} failed, {states.count(TrialState.PRUNED)} "
        f"pruned; the last failure: {reason}): change {search.space.source} and {remedy}"
    )


def _listed(file: Path) -> list[dict[str, str | None]]:
    """The rows of ``trials.csv`` as text; empty if the file is missing or has no content, and is then rewritten."""
    try:
        rows = pl.read_csv(file, infer_schema=False, glob=False).to_dicts()
        for row in rows:
            int(row["number"])
    except (OSError, pl.exceptions.PolarsError, KeyError, ValueError, TypeError):
        return []
    return rows


def _kept(study: optuna.Study, search: Search, numbers: set[int]) -> dict[str | None, dict[str, str | None]]:
    """The finished trials with the given numbers as rows of ``trials.csv``, keyed by number as text."""
    trials = [t for t in counted(study) if t.state.is_finished() and t.number in numbers]
    whole = [t for t in trials if t.state != TrialState.COMPLETE or "figures" in t.user_attrs]
    if not whole:
        return {}
    table = pl.read_csv(_table(whole, search).write_csv().encode(), infer_schema=False, glob=False)
    return {row["number"]: row for row in table.to_dicts()}


def check_kept(study: optuna.Study, search: Search) -> None:
    """Checks that ``trials.csv`` agrees with the study; a journal that lost a line would yield wrong trials.

    Raises:
        OutputError: A trial of ``trials.csv`` is missing from the study or differs.
    """
    file = search.folder / "trials.csv"
    listed = _listed(file)
    kept = _kept(study, search, {int(row["number"] or "") for row in listed})
    for row in listed:
        other = kept.get(row["number"])
        if other is None or not all(
            _kept_cell(key, row[key], other[key]) for key in row.keys() & other.keys()
        ):
            place = "the database" if search.storage else search.folder / "journal.log"
            raise OutputError(
                f"{place} lacks trial {row['number']} as {file} shows it, a part of it was lost: restore it, or give "
                "another --output"
            )


def _kept_cell(key: str, shown: str | None, kept: str | None) -> bool:
    """Whether a cell of ``trials.csv`` is what the study holds."""
    if _alike(shown, kept):
        return True
    # Version 0.1.0 counted epochs from 0 there.
    return key == "best_epoch" and kept is not None and _alike(shown, str(int(kept) - 1))


def _alike(shown: str | None, kept: str | None) -> bool:
    """Whether two cells are equal up to the notation of numbers."""
    try:
        return shown == kept or math.isclose(float(shown or ""), float(kept or ""), rel_tol=1e-9)
    except ValueError:
        return False


def _write_table(table: pl.DataFrame, folder: Path) -> None:
    """Writes the table as CSV and, with exact values, as Parquet."""
    write_whole(folder / "trials.csv", table.write_csv())
    write_table(folder / "trials.parquet", table)


def outcome_of(study: optuna.Study, search: Search, identity: dict[str, Any], command: str) -> TuneResult:
    """Writes the result of the study.

    Raises:
        ConfigError: No trial gave a value.
        OutputError: A file cannot be written.
    """
    trials = [trial for trial in counted(study) if trial.state.is_finished()]
    if search.exact:
        trials = trials[: search.trials]
    complete = _complete(trials)
    _write_table(_table(trials, search), search.folder)
    if not complete:
        raise _no_value(trials, search)
    winner = _winner(complete, search)
    front: tuple[FrozenTrial, ...] = (winner,)
    if len(search.objectives) > 1:
        front = tuple(sorted(study.best_trials, key=lambda trial: trial.number))
        for trial in front:
            _write_config(search.folder / "front" / f"{trial.number}.yaml", trial, search, command)
    _write_config(search.folder / "best.yaml", winner, search, command)
    summary = _summary(trials, winner, front, search, identity, command)
    write_form(search.folder / "tuning.json", summary, TuneFigures)
    return TuneResult(
        search.folder,
        _settings(winner, search),
        dict(winner.user_attrs["figures"]),
        winner.values[0],
        tuple(trial.number for trial in front),
        summary,
    )


def _summary(
    trials: list[FrozenTrial],
    winner: FrozenTrial,
    front: tuple[FrozenTrial, ...],
    search: Search,
    identity: dict[str, Any],
    command: str,
) -> dict[str, Any]:
    """The content of ``tuning.json``."""
    return {
        "command": command,
        "study": search.name,
        "model": search.model,
        "dataset": identity["config"]["dataset"],
        "objectives": [str(objective) for objective in search.objectives],
        "phase": "validation",
        "trials": len(trials),
        "states": {
            s.name.lower(): sum(t.state == s for t in trials) for s in sorted({t.state for t in trials})
        },
        "best_number": winner.number,
        "best_values": list(winner.values),
        "best": _settings(winner, search),
        "front": [trial.number for trial in front],
        "minutes": spent_seconds(trials) / 60,
        "space": identity["space"],
        "data": identity["data"],
    }


def _write_config(file: Path, trial: FrozenTrial, search: Search, command: str) -> None:
    """Writes a file for ``--config``: the user's keys and the model, overridden by the trial's settings."""
    values = user_values(search.files, {**search.overrides, **_settings(trial, search)})
    values = {key: value for key, value in values.items() if key != "show_progress"}
    values["model"] = search.model
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_whole(file, f"# {command or 'written by a search'}\n{text}")
