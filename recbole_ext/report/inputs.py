"""What folders a report is made from: recognised by the files in them, read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_ext.errors import CheckpointError, ConfigError, program
from recbole_ext.runs.figures import CurveFigures, RerankFigures
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import read_metrics
from recbole_ext.runs.forms import as_form, read_form, read_json
from recbole_ext.runs.kinds import RESULT_FILES
from recbole_ext.runs.lists import check_table
from recbole_ext.runs.order import Sequentiality, read_sequentiality
from recbole_ext.runs.protocol import Origin, check_same_protocol, origin_of
from recbole_ext.runs.results import (
    Ablation,
    Comparison,
    TuneFigures,
    read_comparison,
)
from recbole_ext.runs.run import ListFolder, Run
from recbole_ext.runs.trials import Trials, by_model, read_trials

__all__ = ["Inputs", "read_inputs"]

_AGAIN = "write its folder again"
_COMMANDS = "train, rerank, pareto, tune, ablate, compare or sequentiality"


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that was named on the command line, sorted by what it is.

    Attributes:
        runs: Run folders, those inside a study too.
        reranks: Folders of ``rerank``.
        curves: ``metrics.json`` of the folders of ``pareto``, by a name to show.
        ablations: ``ablation.json`` of each.
        orders: ``sequentiality.json`` of each.
        study: ``comparison.json``, or None.
        trials: The trials of each search, by model.
    """

    runs: tuple[Run, ...] = ()
    reranks: tuple[ListFolder, ...] = ()
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    ablations: tuple[dict[str, Any], ...] = ()
    orders: tuple[Sequentiality, ...] = ()
    study: Comparison | None = None
    trials: dict[str, Trials] = field(default_factory=dict)


class _Reader:
    """Sorts folders into the fields of :class:`Inputs`."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.reranks: list[ListFolder] = []
        self.curves: list[tuple[Path, dict[str, Any]]] = []
        self.ablations: list[dict[str, Any]] = []
        self.orders: list[Sequentiality] = []
        self.studies: list[tuple[Path, Comparison]] = []
        self.others: list[Origin] = []
        self.searches: list[Trials] = []
        self.known: set[Path] = set()

    def read(self, path: Path) -> None:
        """One folder.

        Raises:
            ConfigError: It was read already.
            CheckpointError: It is missing, unfinished or damaged.
        """
        if path.resolve() in self.known:
            raise ConfigError(f"{path} is named twice, or belongs to another folder that is named: remove it")
        self.known.add(path.resolve())
        # An unfinished folder may hold every file and yet not the last epoch: its name decides.
        if (path.suffix == ".partial" or not path.is_dir()) and partial_of(path).is_dir():
            final = path.with_name(path.name.removesuffix(".partial"))
            raise CheckpointError(
                f"{partial_of(path)} is unfinished: continue it with {program()} train --resume {final}"
            )
        if not path.is_dir():
            raise CheckpointError(f"{path} is not a folder: name folders of {_COMMANDS}")
        if (path / RESULT_FILES["comparison"]).is_file():
            self._study(path)
        elif (path / RESULT_FILES["ablation"]).is_file():
            self._ablation(path)
        elif (path / RESULT_FILES["sequentiality"]).is_file():
            self._order(path)
        elif (path / RESULT_FILES["search"]).is_file():
            self._tuning(path)
        elif (path / RESULT_FILES["run"]).is_file():
            self._figures(path)
        else:
            raise CheckpointError(
                f"{path} holds no results ({', '.join(RESULT_FILES.values())} are all missing): name "
                f"folders of {_COMMANDS}"
            )

    def _figures(self, path: Path) -> None:
        """A run, a re-ranking or curves: the keys of ``metrics.json`` tell them apart."""
        file = path / "metrics.json"
        metrics = read_json(file, _AGAIN)
        if "rerank" in metrics and "after" in metrics:
            as_form(metrics, RerankFigures, file, _AGAIN)
            self.reranks.append(ListFolder(path, metrics))
        elif isinstance(metrics.get("validation"), list):
            as_form(metrics, CurveFigures, file, _AGAIN)
            for phase in ("validation", "test"):
                check_table(path / f"{phase}.parquet")
            self.curves.append((path, metrics))
        else:
            run = Run(path, read_metrics(path))
            run.config  # noqa: B018 - damage is found before anything is computed
            self.runs.append(run)
            return
        self.others.append((path, origin_of(metrics)))

    def _study(self, path: Path) -> None:
        self.studies.append((path, read_comparison(path)))
        for place in ("cells", "curves", "tune", "rerank", "ablation"):
            for folder in sorted((path / place).glob("*")) if (path / place).is_dir() else ():
                # A study that is still running has folders without results; what is whole is shown.
                if folder.is_dir() and folder.suffix != ".partial" and _has_results(folder):
                    self.read(folder)
        if (path / "ablation.json").is_file():
            self._ablation(path)

    def _ablation(self, path: Path) -> None:
        content = read_json(path / "ablation.json", _AGAIN)
        as_form(content, Ablation, path / "ablation.json", _AGAIN)
        self.ablations.append(content)
        self.others.append((path, content.get("protocol", {})))

    def _order(self, path: Path) -> None:
        found = read_sequentiality(path)
        self.orders.append(found)
        self.others.append((path, found.protocol))

    def _tuning(self, path: Path) -> None:
        file = path / "tuning.json"
        # A search none of whose trials gave a value has written no tuning.json.
        facts = read_form(file, TuneFigures, "repeat the search") if file.is_file() else TuneFigures()
        if file.is_file() and not facts.objectives:
            raise CheckpointError(f"{file} lacks objectives: repeat the search")
        self.searches.append(read_trials(path, facts))
        said = {"dataset": facts.dataset, "data": facts.data}
        self.others.append((path, {key: value for key, value in said.items() if value is not None}))


def _has_results(folder: Path) -> bool:
    return any((folder / name).is_file() for name in RESULT_FILES.values())


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


def read_inputs(folders: Sequence[Path]) -> Inputs:
    """Reads the folders that a report is made from.

    Args:
        folders: Of train, rerank, pareto, tune, ablate, compare or sequentiality, in any order.

    Raises:
        ConfigError: No folder, one folder twice, two studies, runs of different protocols, or nothing to compare.
        CheckpointError: A folder is missing, damaged or of something else.
    """
    if not folders:
        raise ConfigError("a report needs at least one folder: name those that train or compare has written")
    reader = _Reader()
    for folder in folders:
        reader.read(folder)
    if len(reader.studies) > 1:
        first, second = (path for path, _ in reader.studies[:2])
        raise ConfigError(f"{first} and {second} are two studies: write a report of each")
    study = reader.studies[0][1] if reader.studies else None
    if not reader.runs and study is None:
        raise ConfigError(f"{folders[0]} holds no run: name at least one run folder or a comparison too")
    check_same_protocol([(run.path, origin_of(run.metrics)) for run in reader.runs], reader.others)
    return Inputs(
        tuple(reader.runs),
        tuple(reader.reranks),
        _named_curves(reader.curves, reader.runs),
        tuple(reader.ablations),
        tuple(reader.orders),
        study,
        by_model(reader.searches),
    )
