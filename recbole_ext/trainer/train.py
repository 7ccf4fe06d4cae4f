"""From a configuration to a finished run: prepare, train, test, save, re-rank; resume what was interrupted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import (
    ExposureSettings,
    RerankSettings,
    check_candidates_fit,
    read_pareto,
    read_rerank,
)
from recbole_ext.config.build import to_plain
from recbole_ext.data.build import DataCache, PreparedData, fingerprint, prepare_data
from recbole_ext.data.statistics import dataset_statistics
from recbole_ext.errors import OutputError, RecBoleExtError
from recbole_ext.model.registry import ModelSpec
from recbole_ext.progress import stage
from recbole_ext.rerank.checks import check_curves, check_floors, check_genres
from recbole_ext.rerank.run import RerankResult, rerank_run, reranked_folder
from recbole_ext.runs.files import partial_of
from recbole_ext.runs.folder import (
    RunFolder,
    check_resumable,
    drop_state,
    read_trusted_config,
    resuming,
)
from recbole_ext.runs.lists import write_lists
from recbole_ext.trainer.build import build_trainer, configure_host, configure_saved
from recbole_ext.trainer.configure import command_line
from recbole_ext.trainer.distributed import check_processes, joined, own_folder
from recbole_ext.trainer.opened import OpenedRun, Report, RunResult, open_model, silent
from recbole_ext.trainer.resumption import check_data_of, check_model_of, read_state
from recbole_ext.trainer.summary import describe, doubts, feature_lines, loss_by_size, run_figures, shown_k
from recbole_ext.trainer.trainer import EpochReport
from recbole_ext.trainer.trial import check_end, check_model

__all__ = ["Validated", "resume", "train", "validate"]


def train(
    model: str | None = None,
    dataset: str | None = None,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    report: Report = silent,
    on_epoch: Callable[[EpochReport], None] | None = None,
    cache: DataCache | None = None,
) -> RunResult:
    """Trains a model, tests its best weights, writes the run folder, and re-ranks where ``rerank:`` asks for it.

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
        RecBoleExtError: The user can correct the cause; nothing half-written is left.
    """
    with joined():
        return _trained(model, dataset, files, overrides or {}, output, report, on_epoch, cache)


def _trained(
    model: str | None,
    dataset: str | None,
    files: Sequence[Path | str],
    overrides: Mapping[str, Any],
    output: Path | None,
    report: Report,
    on_epoch: Callable[[EpochReport], None] | None,
    cache: DataCache | None,
) -> RunResult:
    """:func:`train` in this process, which may be one of several."""
    spec, model_class, config = configure_host(model, dataset, files, overrides, report)
    data = prepare_data(config, cache)
    chosen = output or (Path(config["output"]) if config["output"] else None)
    with own_folder(chosen) as place, RunFolder.create(config, spec.name, place) as folder:
        _check_reranking(config, data, folder.final)
        folder.write_config(to_plain(config), command_line(model, dataset, files, overrides))
        report(f"run folder: {folder.final} (after an interruption: {resuming(folder.final)})")
        return _run(config, spec, model_class, data, folder, report, on_epoch)


@dataclass(frozen=True)
class Validated:
    """A model trained and validated, its weights thrown away; no test item was ranked.

    Attributes:
        figures: Metric with K, such as ``ndcg@10``, to its value on validation at the best epoch.
        epochs, best_epoch: Number of epochs, and the one of the best validation, from 1 on.
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
        RecBoleExtError: The user can correct the cause.
    """
    began = time.perf_counter()
    spec, model_class, config = configure_host(model, None, files, overrides or {}, silent)
    data = prepare_data(config, cache)
    trainer, loader = build_trainer(config, spec, model_class, data, scratch)
    check_model(spec, trainer, loader, data)
    trainer.on_epoch, trainer.resumable = on_epoch, False
    trainer.fit(loader, data.validation, show_progress=False, callback_fn=trainer.after_epoch)
    trainer.load_best()
    figures = dict(trainer.rank(data.validation, metrics).means)
    return Validated(figures, len(trainer.seconds), trainer.best_epoch + 1, time.perf_counter() - began)


def resume(
    run: Path,
    *,
    trust: bool = False,
    report: Report = silent,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> RunResult:
    """Continues an interrupted run; its numbers are those of an uninterrupted one.

    A run that is complete is tested again, and re-ranked if that is what the interruption left out.

    Args:
        run: The run folder, with or without ``.partial`` in its name.
        trust: As in :func:`~recbole_ext.trainer.opened.open_model`.
        report: Receives each line that a user should see.
        on_epoch: Receives a report after each validation.

    Raises:
        CheckpointError: There is no such run, its data set has changed, or it names code from outside and is not
            trusted.
        RecBoleExtError: As :func:`train`.
    """
    if run.is_dir() and not partial_of(run).is_dir():
        report(f"{run} is complete already: showing its result")
        opened = open_model(run, trust=trust, report=report)
        drop_state(opened.folder)
        report(describe(opened.config, opened.metrics["statistics"], opened.data))
        return _with_reranking(opened, opened.result(), report)
    check_resumable(run)
    with joined(), own_folder(run) as place:
        return _resumed(place or run, trust, report, on_epoch)


def _resumed(
    run: Path, trust: bool, report: Report, on_epoch: Callable[[EpochReport], None] | None
) -> RunResult:
    """:func:`resume` of an interrupted run in this process, which may be one of several."""
    partial = partial_of(run)
    plain, state = read_trusted_config(partial, trust), read_state(partial)
    check_model_of(state, partial, str(plain["model"]))
    check_processes(state, partial)
    spec, model_class, config = configure_saved(partial, plain, report)
    data = prepare_data(config)
    check_data_of(state, partial, fingerprint(data.split))
    with RunFolder.reopen(run) as folder:
        return _run(config, spec, model_class, data, folder, report, on_epoch, state)


def _run(
    config: Any,
    spec: ModelSpec,
    model_class: type,
    data: PreparedData,
    folder: RunFolder,
    report: Report,
    on_epoch: Callable[[EpochReport], None] | None,
    state: dict[str, Any] | None = None,
) -> RunResult:
    """Fits from wherever the folder stands, tests, completes the folder, and re-ranks."""
    began = time.perf_counter()
    with stage(f"counting {config['dataset']}"):
        statistics = dataset_statistics(data.split)
    report(describe(config, statistics, data))
    check_end(config, data)
    trainer, loader = build_trainer(config, spec, model_class, data, folder.path)
    built = time.perf_counter() - began
    for line in filter(None, [loss_by_size(config, trainer.model), *feature_lines(trainer.model)]):
        report(line)
    trainer.on_epoch = on_epoch
    trainer.origin = {"model": str(to_plain(config)["model"]), "data": fingerprint(data.split)}
    if state is not None:
        trainer.load_state(state, loader)
        report(f"resuming after epoch {trainer.start_epoch}")
    if not trainer.finished:
        check_model(spec, trainer, loader, data)
        trainer.fit(
            loader,
            data.validation,
            show_progress=bool(config["show_progress"]),
            callback_fn=trainer.after_epoch,
        )
        trainer.save_last()
    with _training_kept(folder.final):
        trainer.load_best()
        validation, test = trainer.rank(data.validation), trainer.rank(data.test)
        with stage("computing intervals"):
            figures = run_figures(config, data, trainer, validation, test, statistics)
        metrics = {
            "command": folder.command(),
            "model": spec.name,
            "family": spec.family,
            "dataset": config["dataset"],
            **figures,
        }
        metrics["seconds"]["build"] = built
        for line in doubts(config, data, trainer, validation):
            report(line)
        with stage(f"writing {folder.final}"):
            write_lists(folder.path, data.dataset.interactions, data.dataset.item_file, test)
            folder.complete(metrics)
    result = RunResult(
        folder.final,
        spec.name,
        str(config["dataset"]),
        to_plain(config),
        metrics,
        validation,
        test,
        tuple(metrics["history"]),
    )
    return _with_reranking(OpenedRun(folder.final, spec, config, data, trainer, metrics), result, report)


@contextlib.contextmanager
def _training_kept(run: Path) -> Iterator[None]:
    """Whatever goes wrong after the last epoch: the error says that the training is not lost."""
    try:
        yield
    except RecBoleExtError as error:
        raise type(error)(f"{error}; the training is kept: finish it with {resuming(run)}") from error


def _rerank_settings(config: Any) -> RerankSettings | ExposureSettings | None:
    return read_rerank(config["rerank"]) if config["rerank"] else None


def _check_reranking(config: Any, data: PreparedData, run: Path) -> None:
    """Finds what would stop the re-ranking after hours of training.

    Raises:
        ConfigError: There are fewer candidates than places in a list, or a floor is out of reach.
        DataError: There are no genres to re-rank by.
        OutputError: The folder for the re-ranked lists is taken.
    """
    settings = _rerank_settings(config)
    if settings is not None:
        check_candidates_fit(settings.candidates, shown_k(config))
        check_genres(settings, data.dataset.genres)
        check_floors(settings, data.test.evidence, shown_k(config))
        folder = reranked_folder(run, settings)
        if folder.exists():
            raise OutputError(
                f"{folder}, where the re-ranked lists go, exists already: choose another --output, or remove it"
            )
    if config["pareto"]:
        check_curves(read_pareto(config["pareto"]), data.validation.evidence, shown_k(config))


def _with_reranking(opened: OpenedRun, result: RunResult, report: Report) -> RunResult:
    """The result of a complete run with its test lists re-ranked, unless they are there already."""
    settings = _rerank_settings(opened.config)
    if settings is None:
        return result
    folder = reranked_folder(opened.folder, settings)
    if folder.exists():
        report(f"re-ranked lists: {folder}")
        return result
    return replace(result, reranked=_reranked(opened, settings))


def _reranked(opened: OpenedRun, settings: RerankSettings | ExposureSettings) -> RerankResult:
    try:
        return rerank_run(opened, settings)
    except RecBoleExtError as error:
        raise type(error)(f"{opened.folder} is complete, but cannot be re-ranked: {error}") from error
