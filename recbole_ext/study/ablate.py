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
from recbole_ext.study.cells import Cells, study_protocol
from recbole_ext.study.plan import AblationPlan, plan_ablation
from recbole_ext.study.settings import AblationSettings, Sweep
from recbole_ext.study.steps import steps_of
from recbole_ext.study.table import ablation_markdown
from recbole_ext.trainer.configure import available_dataset, read_model_config

__all__ = ["ablate", "run_ablation"]


def ablate(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
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

    Raises:
        ConfigError: The study is invalid, or a cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: Training failed; finished cells are kept.
    """
    return run_ablation(plan_ablation(file, overrides or {}), output=output, command=command, report=report)


def run_ablation(
    plan: AblationPlan,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
) -> Ablation:
    """Runs a study that was checked; otherwise as :func:`ablate`."""
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
        with steps_of("ablating,", count) as steps:
            cells = Cells(folder / "cells", files, values, DataCache(), report, steps)
            result = _computed(settings, cells, command)
        write_result(folder, "ablation", result, ablation_markdown(result))
    return result


def _computed(settings: AblationSettings, cells: Cells, command: str) -> Ablation:
    """All runs that are not there yet, and their figures."""
    cells.check(
        _cell_name(sweep, value, seed)
        for sweep in settings.sweeps
        for value in sweep.values
        for seed in seeds_of(sweep.model, settings.seeds)
    )
    protocol: dict[str, Any] = {}
    sweeps = []
    for sweep in settings.sweeps:
        points = []
        for value in sweep.values:
            runs = _runs(cells, sweep, value, settings.seeds)
            protocol = protocol or study_protocol(runs[0], settings.seeds)
            points.append(_point(value, runs))
        sweeps.append(SweepResult(model=sweep.model, key=sweep.key, points=points))
    return Ablation(command=command, protocol=protocol, sweeps=sweeps)


def _cell_name(sweep: Sweep, value: Any, seed: int) -> str:
    shown = re.sub(r"[^A-Za-z0-9.+-]+", "_", str(value)).strip("_")
    return f"{short_name(sweep.model)}-{sweep.key}-{shown}-seed{seed}"


def _runs(cells: Cells, sweep: Sweep, value: Any, seeds: list[int]) -> list[Run]:
    return [
        cells.get(
            _cell_name(sweep, value, seed),
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
