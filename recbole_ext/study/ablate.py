"""Ablations: one key of one model over several values, everything else alike, several seeds."""

from __future__ import annotations

import re
import statistics as plain_statistics
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from recbole_ext.config.build import build_config
from recbole_ext.data.build import DataCache
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import resolve_model, seeds_of, short_name
from recbole_ext.runs.compare import estimates
from recbole_ext.runs.files import made_folder
from recbole_ext.runs.results import (
    Ablation,
    SweepPoint,
    SweepResult,
    write_result,
)
from recbole_ext.runs.run import Run
from recbole_ext.study.cells import Cells
from recbole_ext.study.settings import AblationSettings, Sweep, blaming, read_settings
from recbole_ext.study.table import ablation_markdown
from recbole_ext.trainer.configure import configured

__all__ = ["ablate"]


def ablate(
    file: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
) -> Ablation:
    """Trains each model at each value of its key; an interrupted ablation is continued by the same call.

    Models without anything random are run with the first seed only.

    The folder holds ``cells/<model>-<key>-<value>-seed<seed>/`` (whole run folders), ``ablation.json`` and
    ``ablation.md``. Nothing is chosen here, so the figures are those of the test.

    Args:
        file: The study, YAML.
        overrides: Configuration keys over those of the study.
        output: Folder; ``saved/study/<name of the file>`` if None.
        command: What repeats it, for the files.
        report: Receives each line that a user should see.

    Raises:
        ConfigError: The study cannot be used, or a cell was computed with another configuration.
        CheckpointError: A finished cell is damaged.
        RecBoleExtError: As training; what is finished stays.
    """
    settings = read_settings(file, AblationSettings)
    files, values = settings.layers(file)
    overrides = overrides or {}
    values = {**values, **overrides}
    for sweep in settings.sweeps:
        values["dataset"] = _checked(file, sweep, files, values, overrides.keys(), report)
    folder = made_folder(output or Path("saved") / "study" / file.stem)
    cells = Cells(folder / "cells", files, values, DataCache(), report)
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
            protocol = protocol or _protocol(runs[0], settings.seeds)
            points.append(_point(value, runs))
        sweeps.append(SweepResult(model=sweep.model, key=sweep.key, points=points))
    result = Ablation(command=command, protocol=protocol, sweeps=sweeps)
    write_result(folder, "ablation", result, ablation_markdown(result))
    return result


def _checked(
    file: Path,
    sweep: Sweep,
    files: tuple[Path, ...],
    values: Mapping[str, Any],
    options: Collection[str],
    report: Callable[[str], None],
) -> str:
    """Finds values that the configuration refuses before the first run; returns the data set that is really there."""
    if sweep.key in values:
        raise ConfigError(f"{sweep.key} is set and {file} sweeps it: leave one out")
    _, model_class = resolve_model(sweep.model)
    given = set(options) - {sweep.key, *sweep.settings}
    with blaming(file, given, f"the sweep of {sweep.model} cannot be made: "):
        for value in sweep.values:
            build_config(model_class, None, files, {**values, **sweep.settings, sweep.key: value})
        _, _, config = configured(sweep.model, None, files, {**values, **sweep.settings}, report)
    lacking = {"NDCG", "ItemCoverage"} - set(config["metrics"])
    if lacking:
        raise ConfigError(f"{file}: an ablation needs the metric {sorted(lacking)[0]}: add it to metrics")
    return str(config["dataset"])


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


def _protocol(first: Run, seeds: list[int]) -> dict[str, Any]:
    return {
        "dataset": first.metrics["dataset"],
        "phase": "test",
        **{key: value for key, value in first.metrics["protocol"].items() if key != "seed"},
        "users": first.metrics["users"]["test"],
        "seeds": list(seeds),
    }
