"""What folders a report is made from: recognised by the files in them, read once."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.report.checks import Origin, check_ablation, check_curves, check_same_protocol
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import read_config, read_metrics
from recbole_ext.runs.lists import read_per_user, read_table
from recbole_ext.runs.trials import Trials, by_model, read_trials

__all__ = ["Inputs", "ListFolder", "Run", "read_inputs"]


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): write its folder again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is no table of results: write its folder again")
    return content


@dataclass(frozen=True, eq=False)
class ListFolder:
    """A folder with lists: a run, or the lists of a re-ranker.

    Attributes:
        path: The folder.
        metrics: The content of ``metrics.json``.
    """

    path: Path
    metrics: dict[str, Any]

    @functools.cached_property
    def per_user(self) -> pl.DataFrame:
        """One row a user: ``user_id`` and a column for each metric."""
        return read_per_user(self.path)

    @functools.cached_property
    def lists(self) -> pl.DataFrame:
        """One row a place: ``user_id``, ``rank`` from 1, ``item_id``, ``score`` and perhaps ``title``."""
        return read_table(self.path / "recommendations.parquet")


@dataclass(frozen=True, eq=False)
class Run(ListFolder):
    """A run folder.

    Attributes:
        config: Its complete configuration.
    """

    config: dict[str, Any]

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.metrics["model"])

    @property
    def k(self) -> int:
        """Length of the lists that are shown."""
        return int(self.metrics["protocol"]["shown_k"])


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that was named on the command line, sorted by what it is.

    Attributes:
        runs: Run folders, those inside a study too.
        reranks: Folders of ``rerank``.
        curves: ``metrics.json`` of the folders of ``pareto``, by a name to show.
        ablations: ``ablation.json`` of each.
        study: ``comparison.json``, or None.
        study_file: Its path.
        trials: The trials of each search, by model.
    """

    runs: tuple[Run, ...] = ()
    reranks: tuple[ListFolder, ...] = ()
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    ablations: tuple[dict[str, Any], ...] = ()
    study: dict[str, Any] | None = None
    study_file: Path | None = None
    trials: dict[str, Trials] = field(default_factory=dict)


class _Reader:
    """Sorts folders into the fields of :class:`Inputs`."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.reranks: list[ListFolder] = []
        self.curves: list[tuple[Path, dict[str, Any]]] = []
        self.ablations: list[dict[str, Any]] = []
        self.studies: list[tuple[Path, dict[str, Any]]] = []
        self.others: list[Origin] = []
        self.searches: list[Trials] = []

    def read(self, path: Path) -> None:
        """One folder."""
        # An unfinished folder may hold every file and yet not the last epoch: its name decides.
        if (path.suffix == ".partial" or not path.is_dir()) and partial_of(path).is_dir():
            final = path.with_name(path.name.removesuffix(".partial"))
            raise CheckpointError(
                f"{partial_of(path)} is unfinished: continue it with python run.py train --resume {final}"
            )
        if not path.is_dir():
            raise CheckpointError(
                f"{path} is no folder: name folders of train, rerank, pareto, tune, ablate or compare"
            )
        if (path / "comparison.json").is_file():
            self._study(path)
        elif (path / "ablation.json").is_file():
            self._ablation(path)
        elif (path / "trials.csv").is_file():
            self._tuning(path)
        elif (path / "metrics.json").is_file():
            self._figures(path, _json(path / "metrics.json"))
        else:
            raise CheckpointError(
                f"{path} holds no results (no metrics.json, comparison.json, ablation.json or trials.csv): name "
                "folders of train, rerank, pareto, tune, ablate or compare"
            )

    def _figures(self, path: Path, metrics: dict[str, Any]) -> None:
        if "rerank" in metrics and "after" in metrics:
            self.reranks.append(ListFolder(path, metrics))
            self.others.append((path, _origin(metrics)))
        elif isinstance(metrics.get("validation"), list):
            check_curves(path / "metrics.json", metrics)
            self.curves.append((path, metrics))
            self.others.append((path, _origin(metrics)))
        else:
            self.runs.append(Run(path, read_metrics(path), read_config(path)))

    def _study(self, path: Path) -> None:
        self.studies.append((path, _json(path / "comparison.json")))
        for place in ("cells", "curves", "tune", "rerank", "ablation"):
            for folder in sorted((path / place).glob("*")) if (path / place).is_dir() else ():
                # A study that is still running has folders without results; what is whole is shown.
                if folder.is_dir() and folder.suffix != ".partial" and _has_results(folder):
                    self.read(folder)
        if (path / "ablation.json").is_file():
            self._ablation(path)

    def _ablation(self, path: Path) -> None:
        content = _json(path / "ablation.json")
        check_ablation(path / "ablation.json", content)
        self.ablations.append(content)
        self.others.append((path, content.get("protocol", {})))

    def _tuning(self, path: Path) -> None:
        # A search none of whose trials gave a value has written no tuning.json.
        facts = _json(path / "tuning.json") if (path / "tuning.json").is_file() else {}
        self.searches.append(read_trials(path, facts))
        self.others.append((path, {key: facts[key] for key in ("dataset", "data") if key in facts}))


def _has_results(folder: Path) -> bool:
    names = ("metrics.json", "ablation.json", "trials.csv")
    return any((folder / name).is_file() for name in names)


def _named_curves(
    curves: Sequence[tuple[Path, dict[str, Any]]], runs: Sequence[Run]
) -> dict[str, dict[str, Any]]:
    """Curves by the model of their run where that is known, else by the folder's name; never one over another."""
    models = {run.path.name: run.model for run in runs}
    found: dict[str, dict[str, Any]] = {}
    for path, metrics in curves:
        run = Path(str(metrics.get("run", "")))
        known = (run / "metrics.json").is_file()
        name = models.get(run.name) or (str(read_metrics(run).get("model")) if known else path.name)
        found[name if name not in found else f"{name} ({path.name})"] = metrics
    return found


def _origin(metrics: dict[str, Any]) -> dict[str, Any]:
    """What the figures of a folder stand on."""
    places = {"dataset": "dataset", "data": "fingerprint"}
    known = {name: metrics[place] for name, place in places.items() if place in metrics}
    return {**known, **metrics.get("protocol", {})}


def read_inputs(folders: Sequence[Path]) -> Inputs:
    """Reads the folders that a report is made from.

    Args:
        folders: Of train, rerank, pareto, ablate, tune or compare, in any order.

    Raises:
        ConfigError: No folder, two studies, runs of different protocols, or nothing to compare.
        CheckpointError: A folder is missing, damaged or of something else.
    """
    if not folders:
        raise ConfigError("a report needs at least one folder: name those that train or compare has written")
    reader = _Reader()
    for folder in dict.fromkeys(folders):
        reader.read(folder)
    if len(reader.studies) > 1:
        first, second = (path for path, _ in reader.studies[:2])
        raise ConfigError(f"{first} and {second} are two studies: write a report of each")
    place, study = reader.studies[0] if reader.studies else (None, None)
    if not reader.runs and study is None:
        raise ConfigError(f"{folders[0]} holds no run: name at least one run folder or a comparison too")
    check_same_protocol([(run.path, _origin(run.metrics)) for run in reader.runs], reader.others)
    return Inputs(
        tuple(reader.runs),
        tuple(reader.reranks),
        _named_curves(reader.curves, reader.runs),
        tuple(reader.ablations),
        study,
        None if place is None else place / "comparison.json",
        by_model(reader.searches),
    )
