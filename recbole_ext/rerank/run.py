"""Debiasing of a trained run: one re-ranker on its test lists, or the curves of many, written to a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_ext.config.blocks import read_pareto, read_rerank
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.evaluator.evaluate import Evaluation, bounds
from recbole_ext.rerank.apply import Reranked, ranked_again, rerankable
from recbole_ext.rerank.curves import Curves, figure, sweep
from recbole_ext.runs.files import new_folder
from recbole_ext.runs.lists import write_lists
from recbole_ext.trainer.train import open_model

__all__ = ["ParetoResult", "RerankResult", "pareto_run", "rerank_run"]

Report = Callable[[str], None]
_NAMING = ("strength", "coverage", "tail_share")


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class RerankResult:
    """A trained model's test lists before and after a re-ranker.

    Attributes:
        folder: Where the new lists are.
        before, after: Figures at one K.
        reranked: The re-ranker's settings, rule and guarantee.
        bounds: Ceiling and the expectation of Random.
        metrics: The content of ``metrics.json``.
    """

    folder: Path
    before: Evaluation
    after: Evaluation
    reranked: Reranked
    bounds: dict[str, dict[str, float]]
    metrics: dict[str, Any]


def _differences(before: Evaluation, after: Evaluation) -> dict[str, list[float]]:
    """Mean of after minus before over users with its interval, for each metric that has a value for each user."""
    found = {
        name: paired_difference(values, before.per_user[name]) for name, values in after.per_user.items()
    }
    return {name: [value.mean, value.low, value.high] for name, value in found.items()}


def rerank_run(
    run: Path,
    block: Mapping[str, Any],
    *,
    k: int | None = None,
    head_rule: str | None = None,
    output: Path | None = None,
    report: Report = _silent,
) -> RerankResult:
    """Re-ranks the test lists of a saved run, without training it again.

    Args:
        run: A run folder.
        block: As ``rerank:`` in a configuration.
        k: Length of the lists; that of ``valid_metric`` if None.
        head_rule: What counts as the head; the run's own rule if None.
        output: Folder for the new lists and figures; beside the run if None.
        report: Receives each line that a user should see.

    Raises:
        RecBoleExtError: The run or the block cannot be used; nothing half-written is left.
    """
    settings = read_rerank(block)
    opened = open_model(run, head_rule=head_rule, report=report)
    data, trainer = opened.data, opened.trainer
    phase = rerankable(trainer, data, data.test, candidates=settings.candidates, k=k)
    again = ranked_again(phase, block)
    strength = "-".join(str(value) for key, value in again.settings.items() if key in _NAMING)
    final = output or run.with_name(f"{run.name}-{again.settings['method']}-{strength}")
    metrics = {
        "run": str(run),
        "dataset": opened.config["dataset"],
        "fingerprint": opened.metrics["fingerprint"],
        "rerank": again.settings,
        "rule": again.rule,
        "note": again.note,
        "k": phase.k,
        "protocol": opened.metrics["protocol"],
        "before": dict(phase.before.means),
        "after": dict(again.after.means),
        "difference": _differences(phase.before, again.after),
        "bounds": bounds(data.test, phase.before, [phase.k]),
    }
    with new_folder(final) as folder:
        write_lists(folder, data.dataset.interactions, data.dataset.item_file, again.after)
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2), encoding="utf-8")
    return RerankResult(final, phase.before, again.after, again, metrics["bounds"], metrics)


@dataclass(frozen=True)
class ParetoResult:
    """The curves of a run and where they are."""

    folder: Path
    curves: Curves
    metrics: dict[str, Any]


def pareto_run(
    run: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    head_rule: str | None = None,
    output: Path | None = None,
    report: Report = _silent,
) -> ParetoResult:
    """Sweeps re-rankers on the validation lists of a saved run, tests the chosen strengths once, writes a folder.

    The folder holds ``validation.parquet``, ``test.parquet``, ``curves.html`` (opens offline) and ``metrics.json``.

    Args:
        run: A run folder.
        changes: Keys that win over the run's ``pareto:`` block.
        head_rule: What counts as the head; the run's own rule if None.
        output: The folder; beside the run if None.
        report: Receives each line that a user should see.

    Raises:
        RecBoleExtError: The run, a method or a value cannot be used; nothing half-written is left.
    """
    read_pareto(changes)
    opened = open_model(run, head_rule=head_rule, report=report)
    settings = read_pareto({**(opened.config["pareto"] or {}), **(changes or {})})
    final = output or run.with_name(f"{run.name}-pareto")
    with new_folder(final) as folder:
        curves = sweep(opened.trainer, opened.data, settings, report=report)
        curves.validation.write_parquet(folder / "validation.parquet")
        curves.test.write_parquet(folder / "test.parquet")
        title = f"{opened.spec.name} on {opened.config['dataset']}: what debiasing costs"
        figure(curves, title).write_html(folder / "curves.html", include_plotlyjs=True)
        metrics = {
            "run": str(run),
            "dataset": opened.config["dataset"],
            "fingerprint": opened.metrics["fingerprint"],
            "rule": curves.rule,
            "candidates": settings.candidates,
            "protocol": opened.metrics["protocol"],
            "bounds": curves.bounds,
            "validation": curves.validation.to_dicts(),
            "test": curves.test.to_dicts(),
        }
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2), encoding="utf-8")
    return ParetoResult(final, curves, metrics)
