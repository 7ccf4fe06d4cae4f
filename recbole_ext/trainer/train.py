"""From a configuration to one frozen result: prepare, train, test, save; evaluate and resume what was saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.build import to_plain
from recbole_ext.data.build import DataCache, PreparedData, fingerprint, prepare_data
from recbole_ext.data.statistics import dataset_statistics
from recbole_ext.errors import CheckpointError
from recbole_ext.evaluator.evaluate import Evaluation
from recbole_ext.model.registry import ModelSpec
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import (
    RunFolder,
    open_run,
    read_config,
    read_metrics,
)
from recbole_ext.runs.lists import write_lists
from recbole_ext.trainer.build import build_trainer, configure_host
from recbole_ext.trainer.configure import command_line
from recbole_ext.trainer.summary import describe, run_figures, test_figures
from recbole_ext.trainer.trainer import EpochReport, ExactTrainer

__all__ = [
    "OpenedRun",
    "RunResult",
    "Validated",
    "build_trainer",
    "evaluate",
    "open_model",
    "resume",
    "train",
    "validate",
]

Report = Callable[[str], None]


@dataclass(frozen=True)
class RunResult:
    """What a run gives; tuning, comparison, report and serving start from it.

    Attributes:
        folder: The run folder.
        model, dataset: Names, as they are shown.
        config: The complete configuration, plain.
        metrics: The content of ``metrics.json``.
        validation, test: The rankings behind it.
        epochs: One report after each validation.
    """

    folder: Path
    model: str
    dataset: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    validation: Evaluation
    test: Evaluation
    epochs: tuple[dict[str, float], ...]


def _silent(_: str) -> None:
    return None


def train(
    model: str | None = None,
    dataset: str | None = None,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    report: Report = _silent,
    on_epoch: Callable[[EpochReport], None] | None = None,
    cache: DataCache | None = None,
) -> RunResult:
    """Trains a model, tests its best weights and writes the run folder.

    Args:
        model: A name of the registry or ``package.module:Class``.
        dataset: Name of the data set; the configuration's if None.
        files: YAML files, later ones win.
        overrides: Keys that win over all files.
        output: The run folder; ``saved/...`` if None.
        report: Receives each line that a user should see.
        on_epoch: Receives a report after each validation.
        cache: Shares the interactions that were read with other runs of this process.

    Raises:
        RecBoleExtError: Whatever the user can mend; nothing half-written is left.
    """
    spec, model_class, config = configure_host(model, dataset, files, overrides or {}, report)
    data = prepare_data(config, cache)
    chosen = output or (Path(config["output"]) if config["output"] else None)
    with RunFolder.create(config, spec.name, chosen) as folder:
        report(f"run folder: {folder.final} (after an interruption: --resume {folder.final})")
        folder.write_config(to_plain(config), command_line(model, dataset, files, overrides or {}))
        return _run(config, spec, model_class, data, folder, report, on_epoch)


@dataclass(frozen=True)
class Validated:
    """A model trained and validated, its weights thrown away; no test item was ranked.

    Attributes:
        figures: Metric with K, such as ``ndcg@10``, to its value on validation at the best epoch.
        epochs, best_epoch: Validations, and the epoch of the best one, from 0 on.
        seconds: Time of training and validation.
    """

    figures: dict[str, float]
    epochs: int
    best_epoch: int
    seconds: float


def validate(
    model: str | None,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    *,
    metrics: Sequence[str],
    scratch: Path,
    on_epoch: Callable[[EpochReport], None] | None = None,
    cache: DataCache | None = None,
) -> Validated:
    """Trains a model and ranks the validation items only: what a search may look at.

    Args:
        model, files, overrides, on_epoch, cache: As in :func:`train`.
        metrics: Names to compute.
        scratch: An existing folder for the best weights; its content is the caller's to remove.

    Raises:
        RecBoleExtError: Whatever the user can mend.
    """
    began = time.perf_counter()
    spec, model_class, config = configure_host(model, None, files, overrides or {}, _silent)
    data = prepare_data(config, cache)
    trainer, loader = build_trainer(config, spec, model_class, data, scratch)
    trainer.on_epoch = on_epoch
    trainer.fit(loader, data.validation, show_progress=False, callback_fn=trainer.after_epoch)
    trainer.load_best()
    figures = dict(trainer.rank(data.validation, metrics).means)
    return Validated(figures, len(trainer.history), trainer.best_epoch, time.perf_counter() - began)


def resume(
    run: Path, *, report: Report = _silent, on_epoch: Callable[[EpochReport], None] | None = None
) -> RunResult:
    """Continues an interrupted run; its numbers are those of an uninterrupted one.

    Raises:
        CheckpointError: There is no such run, or its data set has changed.
    """
    if run.is_dir() and not partial_of(run).is_dir():
        report(f"{run} is complete already: showing its result")
        return evaluate(run, report=report)
    partial = partial_of(run)
    plain = read_config(partial)
    name = str(plain.pop("model"))
    spec, model_class, config = configure_host(name, None, (), plain, report)
    data = prepare_data(config)
    with RunFolder.reopen(run) as folder:
        return _run(config, spec, model_class, data, folder, report, on_epoch)


def _run(
    config: Any,
    spec: Any,
    model_class: type,
    data: PreparedData,
    folder: RunFolder,
    report: Report,
    on_epoch: Callable[[EpochReport], None] | None,
) -> RunResult:
    """Fits from wherever the folder stands, tests, and completes the folder."""
    began = time.perf_counter()
    statistics = dataset_statistics(data.split)
    report(describe(config, statistics, data))
    trainer, loader = build_trainer(config, spec, model_class, data, folder.path)
    built = time.perf_counter() - began
    trainer.on_epoch = on_epoch
    if (folder.path / "state.safetensors").is_file():
        trainer.load_state(loader)
        report(f"resuming after epoch {trainer.start_epoch - 1}")
    if not trainer.finished:
        trainer.fit(
            loader,
            data.validation,
            show_progress=bool(config["show_progress"]),
            callback_fn=trainer.after_epoch,
        )
    trainer.load_best()
    validation, test = trainer.rank(data.validation), trainer.rank(data.test)
    metrics = {
        "command": folder.command(),
        "model": spec.name,
        "family": spec.family,
        "dataset": config["dataset"],
        **run_figures(config, data, trainer, validation, test, statistics),
    }
    metrics["seconds"]["build"] = built
    write_lists(folder.path, data.dataset.interactions, data.dataset.item_file, test)
    folder.complete(metrics)
    return RunResult(
        folder.final,
        spec.name,
        str(config["dataset"]),
        to_plain(config),
        metrics,
        validation,
        test,
        tuple(trainer.history),
    )


@dataclass(frozen=True)
class OpenedRun:
    """A saved run, ready to score: its weights are in the trainer's model.

    Attributes:
        folder: The run folder.
        spec: Its model.
        config: RecBole's configuration.
        data: Split and loaders, the same interactions as in training.
        trainer: ``rank`` gives lists and figures, ``masked_scores_of`` the scores of a batch.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    spec: ModelSpec
    config: Any
    data: PreparedData
    trainer: ExactTrainer
    metrics: dict[str, Any]

    def result(self, validation: Evaluation, test: Evaluation) -> RunResult:
        """The run with figures computed anew."""
        figures = test_figures(self.data, validation, test, float(self.config["confidence"]))
        return RunResult(
            self.folder,
            self.spec.name,
            str(self.config["dataset"]),
            to_plain(self.config),
            {**self.metrics, **figures},
            validation,
            test,
            tuple(self.metrics.get("history", ())),
        )


def open_model(run: Path, *, head_rule: str | None = None, report: Report = _silent) -> OpenedRun:
    """Loads a saved run, in whatever process this is.

    Args:
        run: A run folder.
        head_rule: Another rule of what is the head than the run's; its weights do not depend on it.
        report: Receives each line that a user should see.

    Raises:
        CheckpointError: The folder is not a whole run, a file is damaged, or the data set has changed.
    """
    folder = open_run(run)
    plain, metrics = read_config(folder), read_metrics(folder)
    name = str(plain.pop("model"))
    if head_rule is not None:
        plain["head_rule"] = head_rule
        metrics["protocol"] = {**metrics["protocol"], "head_rule": head_rule}
    spec, model_class, config = configure_host(name, None, (), plain, report)
    data = prepare_data(config)
    if fingerprint(data.split) != metrics.get("fingerprint"):
        raise CheckpointError(
            f"{config['dataset']} is not the data that {run} was trained on: prepare the same data set again"
        )
    trainer, _ = build_trainer(config, spec, model_class, data, folder)
    trainer.load_best(folder / "model.safetensors")
    return OpenedRun(folder, spec, config, data, trainer, metrics)


def evaluate(run: Path, *, report: Report = _silent) -> RunResult:
    """Tests a saved run again, from its weights.

    Raises:
        CheckpointError: The folder is not a whole run, a file is damaged, or the data set has changed.
    """
    opened = open_model(run, report=report)
    report(describe(opened.config, opened.metrics["statistics"], opened.data))
    return opened.result(opened.trainer.rank(opened.data.validation), opened.trainer.rank(opened.data.test))
