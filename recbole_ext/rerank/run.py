"""Debiasing of a trained run: applies one re-ranker to its test lists, or sweeps several, and writes a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import ExposureSettings, RerankSettings, read_pareto
from recbole_ext.data.files import write_whole
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.evaluator.evaluate import Evaluation, bounds
from recbole_ext.progress import stage
from recbole_ext.rerank.apply import Reranked, rerankable, reranked
from recbole_ext.rerank.curves import Curves, sweep
from recbole_ext.rerank.prices import joint_prices, write_prices
from recbole_ext.rerank.trained_run import TrainedRun
from recbole_ext.runs.figures import CurveFigures, RerankFigures
from recbole_ext.runs.files import new_folder
from recbole_ext.runs.forms import write_form
from recbole_ext.runs.lists import write_lists, write_table

__all__ = ["ParetoResult", "RerankResult", "pareto_run", "rerank_run", "reranked_folder"]

_NAMING = ("strength", "coverage", "tail_share")


@dataclass(frozen=True)
class RerankResult:
    """A trained model's test lists before and after a re-ranker.

    Attributes:
        folder: Folder with the new lists.
        before, after: Metrics at one K.
        reranked: The re-ranker's settings, rule and guarantee.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    before: Evaluation
    after: Evaluation
    reranked: Reranked
    metrics: dict[str, Any]


def _differences(before: Evaluation, after: Evaluation, level: float) -> dict[str, list[float]]:
    """Mean difference (after minus before) over users with its interval, for each metric with per-user values."""
    found = {
        name: paired_difference(values, before.per_user[name], level=level)
        for name, values in after.per_user.items()
    }
    return {name: [value.mean, value.low, value.high] for name, value in found.items()}


def reranked_folder(run: Path, settings: RerankSettings | ExposureSettings) -> Path:
    """Returns the default folder of a run's re-ranked lists, beside the run."""
    strength = "-".join(str(value) for key, value in settings.plain().items() if key in _NAMING)
    return run.with_name(f"{run.name}-{settings.method}-{strength}")


def rerank_run(
    run: TrainedRun,
    settings: RerankSettings | ExposureSettings,
    *,
    k: int | None = None,
    output: Path | None = None,
    save_prices: bool = False,
) -> RerankResult:
    """Re-ranks the test lists of a trained run without retraining.

    The folder holds ``recommendations.parquet``, ``per_user.parquet`` and ``metrics.json``, and ``prices.json`` where
    prices are saved.

    Args:
        run: The trained model, such as :func:`~recbole_ext.trainer.opened.open_model` gives.
        settings: From :func:`~recbole_ext.config.blocks.read_rerank`.
        k: Length of the lists; that of ``valid_metric`` if None.
        output: Folder for the new lists and figures; beside the run if None.
        save_prices: Whether to keep the prices of ``exposure``, for lists that are made one at a time.

    Raises:
        RecBoleExtError: The settings do not fit the run, or the folder cannot be written; no partial output is left.
    """
    if save_prices and not isinstance(settings, ExposureSettings):
        raise ConfigError(f"{settings.method} has no prices: save those of --method=exposure")
    phase = rerankable(
        run,
        run.data.test,
        candidates=settings.candidates,
        k=k,
        for_exposure=isinstance(settings, ExposureSettings),
    )
    again = reranked(phase, settings)
    level = float(run.config["confidence"])
    with stage("testing the differences"):
        differences = _differences(phase.before, again.after, level)
    metrics = {
        "run": str(run.folder),
        "dataset": run.config["dataset"],
        "fingerprint": run.metrics["fingerprint"],
        "rerank": again.settings,
        "rule": again.rule,
        "note": again.note,
        "k": phase.k,
        "level": level,
        "protocol": run.metrics["protocol"],
        "before": dict(phase.before.means),
        "after": dict(again.after.means),
        "difference": differences,
        "bounds": bounds(phase.loader.evidence, phase.before, [phase.k]),
    }
    final = output or reranked_folder(run.folder, settings)
    with stage(f"writing {final}"), new_folder(final) as folder:
        write_lists(folder, run.data.dataset.interactions, run.data.dataset.item_file, again.after)
        if save_prices and isinstance(settings, ExposureSettings):
            interactions, marked = run.data.dataset.interactions, str(run.metrics["fingerprint"])
            prices = joint_prices(phase, settings)
            write_prices(folder, prices, interactions.item_tokens, run.folder, marked, phase.candidates.depth)
        write_form(folder / "metrics.json", metrics, RerankFigures)
    return RerankResult(final, phase.before, again.after, again, metrics)


@dataclass(frozen=True)
class ParetoResult:
    """The curves of a run and their folder.

    Attributes:
        folder: Folder with the curves.
        curves: The points.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    curves: Curves
    metrics: dict[str, Any]


def pareto_run(
    run: TrainedRun,
    changes: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    draw: Callable[[Curves, str], str] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> ParetoResult:
    """Sweeps re-rankers on the validation lists of a trained run, tests the chosen strengths once and writes a folder.

    The folder holds ``validation.parquet``, ``test.parquet``, ``metrics.json`` and, with ``draw``, ``curves.html``.

    Args:
        run: The trained model, such as :func:`~recbole_ext.trainer.opened.open_model` gives.
        changes: Keys that override the run's ``pareto:`` block.
        output: The folder; beside the run if None.
        draw: Renders ``curves.html`` from the curves and a title.
        report: Receives each line of output for the user.

    Raises:
        RecBoleExtError: A method or a value is invalid, or the folder cannot be written; no partial output is left.
    """
    settings = read_pareto({**(run.config["pareto"] or {}), **(changes or {})})
    final = output or run.folder.with_name(f"{run.folder.name}-pareto")
    with new_folder(final) as folder:
        curves = sweep(run, settings, report=report)
        write_table(folder / "validation.parquet", curves.validation)
        write_table(folder / "test.parquet", curves.test)
        if draw is not None:
            title = f"{run.model_name} on {run.config['dataset']}: what debiasing costs"
            write_whole(folder / "curves.html", draw(curves, title))
        metrics = {
            "run": str(run.folder),
            "dataset": run.config["dataset"],
            "fingerprint": run.metrics["fingerprint"],
            "rule": curves.rule,
            "candidates": settings.candidates,
            "level": curves.level,
            "protocol": run.metrics["protocol"],
            "bounds": curves.bounds,
            "hypervolume": curves.hypervolume,
            "validation": curves.validation.to_dicts(),
            "test": curves.test.to_dicts(),
        }
        write_form(folder / "metrics.json", metrics, CurveFigures)
    return ParetoResult(final, curves, metrics)
