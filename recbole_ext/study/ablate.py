"""Ablations: one key of one model over several values, everything else alike, several seeds."""

from __future__ import annotations

import re
import statistics as plain_statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recbole_ext.config.messages import config_error
from recbole_ext.config.problem import Origin, Problem, origin_of_option
from recbole_ext.config.yaml_reader import Document
from recbole_ext.data.build import DataCache
from recbole_ext.errors import ConfigError
from recbole_ext.model.registry import seeds_of, short_name
from recbole_ext.runs.compare import estimates
from recbole_ext.runs.files import made_folder
from recbole_ext.runs.results import Ablation, SweepPoint, SweepResult, write_result
from recbole_ext.study.cells import Cell, Cells
from recbole_ext.study.settings import AblationSettings, Sweep, read_settings
from recbole_ext.study.table import ablation_markdown
from recbole_ext.trainer.configure import configure, read_model_config

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
    settings, document = read_settings(file, AblationSettings)
    files, values, origins = settings.layers(document)
    values = {**values, **(overrides or {})}
    origins = {key: origin for key, origin in origins.items() if key not in (overrides or {})}
    for index in range(len(settings.sweeps)):
        _check(settings.sweeps[index], index, document, files, values, origins)
    for sweep in settings.sweeps:
        # The data set that is really there, should it be another than the one that was asked for.
        _, config = configure(sweep.model, None, files, {**values, **sweep.settings}, report)
        values["dataset"] = config["dataset"]
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


def _check(
    sweep: Sweep,
    index: int,
    document: Document,
    files: tuple[Path, ...],
    values: Mapping[str, Any],
    origins: Mapping[str, Origin],
) -> None:
    """Finds values that the configuration refuses before the first run."""
    if sweep.key in values:
        reason = f"is also swept in {document.origin('sweeps', index, 'key')}: leave one out"
        origin = origins.get(sweep.key) or origin_of_option(sweep.key)
        raise config_error(Problem((sweep.key,), "value_error", reason=reason, origin=origin))
    own = {key: document.origin("sweeps", index, "settings", key) for key in sweep.settings}
    try:
        for place, value in enumerate(sweep.values):
            written = {**origins, **own, sweep.key: document.origin("sweeps", index, "values", place)}
            _, config = read_model_config(
                sweep.model, files, {**values, **sweep.settings, sweep.key: value}, origins=written
            )
    except ConfigError as error:
        raise ConfigError(f"the sweep of {sweep.model} cannot be made: {error}", error.problem) from error
    lacking = {"NDCG", "ItemCoverage"} - set(config["metrics"])
    if lacking:
        raise ConfigError(
            f"{document.source}: an ablation needs the metric {sorted(lacking)[0]}: add it to metrics"
        )


def _cell_name(sweep: Sweep, value: Any, seed: int) -> str:
    shown = re.sub(r"[^A-Za-z0-9.+-]+", "_", str(value)).strip("_")
    return f"{short_name(sweep.model)}-{sweep.key}-{shown}-seed{seed}"


def _runs(cells: Cells, sweep: Sweep, value: Any, seeds: list[int]) -> list[Cell]:
    return [
        cells.get(
            _cell_name(sweep, value, seed),
            sweep.model,
            {**sweep.settings, sweep.key: value, "seed": seed},
        )
        for seed in seeds_of(sweep.model, seeds)
    ]


def _point(value: Any, runs: list[Cell]) -> SweepPoint:
    protocol = runs[0].metrics["protocol"]
    k = int(protocol["shown_k"])
    return SweepPoint(
        value=value,
        ndcg=estimates(runs, float(protocol["confidence"]), [f"ndcg@{k}"])[f"ndcg@{k}"],
        itemcoverage=plain_statistics.fmean(run.metrics["test"][f"itemcoverage@{k}"] for run in runs),
        seconds=plain_statistics.fmean(run.metrics["seconds"]["training"] for run in runs),
    )


def _protocol(first: Cell, seeds: list[int]) -> dict[str, Any]:
    return {
        "dataset": first.metrics["dataset"],
        "phase": "test",
        **{key: value for key, value in first.metrics["protocol"].items() if key != "seed"},
        "users": first.metrics["users"]["test"],
        "seeds": list(seeds),
    }
