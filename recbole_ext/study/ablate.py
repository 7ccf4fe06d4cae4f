"""Ablations: one key of one model over several values and seeds, with everything else fixed."""

from __future__ import annotations

import re
import statistics as plain_statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recbole_ext.data.build import DataCache
from recbole_ext.model.registry import seeds_of, short_name
from recbole_ext.runs.compare import estimates
from recbole_ext.runs.files import alone_in, made_folder
from recbole_ext.runs.kinds import check_study_folder
from recbole_ext.runs.results import Ablation, SweepPoint, SweepResult, write_result
from recbole_ext.runs.run import Run
from recbole_ext.study.cells import Cell, Cells, study_protocol
from recbole_ext.study.executor import opened
from recbole_ext.study.jobs import Executor, run_chains
from recbole_ext.study.plan import AblationPlan, plan_ablation
from recbole_ext.study.settings import AblationSettings, Sweep
from recbole_ext.study.steps import steps_of
from recbole_ext.study.table import ablation_markdown
from recbole_ext.study.where import HERE, Where
from recbole_ext.trainer.configure import available_dataset, read_model_config

__all__ = ["ablate", "run_ablation"]


def ablate(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
    where: Where = HERE,
) -> Ablation:
    """Trains each model at each value of its key; the same call resumes an interrupted ablation.

    Deterministic models are run with the first seed only.

    The folder holds ``cells/<model>-<key>-<value>-seed<seed>/`` (complete run folders), ``ablation.json`` and
    ``ablation.md``. An ablation selects nothing, so it reports test figures.

    Args:
        file: YAML file of the study.
        overrides: Configuration keys that override those of the study.
        output: Folder; ``saved/study/<name of the file>`` if None.
        command: The command that repeats the study, recorded in the files.
        report: Receives each line of output for the user.
        where: Where the runs are computed; the numbers depend on its number of threads only.

    Raises:
        ConfigError: The study is invalid, or a cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: Training failed; finished cells are kept.
    """
    plan = plan_ablation(file, overrides or {})
    return run_ablation(plan, output=output, command=command, report=report, where=where)


def run_ablation(
    plan: AblationPlan,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
    where: Where = HERE,
) -> Ablation:
    """Runs a study that was checked; otherwise as :func:`ablate`."""
    where.check()
    place = output or Path("saved") / "study" / plan.file.stem
    check_study_folder(place, "ablation")
    settings, files, values = plan.settings, plan.files, dict(plan.values)
    for sweep in settings.sweeps:
        # The data set in use, which may be the fallback instead of the requested one.
        _, config = read_model_config(sweep.model, files, {**values, **sweep.settings})
        values["dataset"] = available_dataset(config, report)
    folder = made_folder(place)
    with alone_in(folder):
        count = sum(
            len(sweep.values) * len(seeds_of(sweep.model, settings.seeds)) for sweep in settings.sweeps
        )
        cache = DataCache()
        with steps_of("ablating,", count) as steps, opened(where, cache) as executor:
            cells = Cells(folder / "cells", files, values, cache, report, steps)
            result = _computed(settings, cells, executor, command)
        write_result(folder, "ablation", result, ablation_markdown(result))
    return result


def _computed(settings: AblationSettings, cells: Cells, executor: Executor, command: str) -> Ablation:
    """All runs that are not there yet, and their figures."""
    wanted = {
        (sweep.model, sweep.key, str(value)): _cells(sweep, value, settings.seeds)
        for sweep in settings.sweeps
        for value in sweep.values
    }
    cells.check(cell.name for one in wanted.values() for cell in one)
    found = dict(
        zip(wanted, run_chains([cells.chain(one) for one in wanted.values()], executor), strict=True)
    )
    sweeps = [
        SweepResult(
            model=sweep.model,
            key=sweep.key,
            points=[_point(value, found[sweep.model, sweep.key, str(value)]) for value in sweep.values],
        )
        for sweep in settings.sweeps
    ]
    protocol = study_protocol(next(iter(found.values()))[0], settings.seeds)
    return Ablation(command=command, protocol=protocol, sweeps=sweeps)


def _cells(sweep: Sweep, value: Any, seeds: list[int]) -> list[Cell]:
    shown = re.sub(r"[^A-Za-z0-9.+-]+", "_", str(value)).strip("_")
    return [
        Cell(
            f"{short_name(sweep.model)}-{sweep.key}-{shown}-seed{seed}",
            sweep.model,
            {**sweep.settings, sweep.key: value, "seed": seed},
        )
        for seed in seeds_of(sweep.model, seeds)
    ]


def _point(value: Any, runs: list[Run]) -> SweepPoint:
    k = runs[0].k
    return SweepPoint(
        value=value,
        ndcg=estimates(runs, runs[0].level, [f"ndcg@{k}"])[f"ndcg@{k}"],
        itemcoverage=plain_statistics.fmean(run.figures.test[f"itemcoverage@{k}"] for run in runs),
        seconds=plain_statistics.fmean(run.figures.seconds.training for run in runs),
    )
