"""Curves of accuracy against coverage and tail share: sweep on validation, choose by a rule, test once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from recbole_ext.config.blocks import RERANKERS, ParetoSettings, read_rerank
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.confidence import mean_intervals, paired_difference
from recbole_ext.evaluator.evaluate import Evaluation, bounds
from recbole_ext.evaluator.metrics.hypervolume import hypervolume
from recbole_ext.progress import stage, tracked
from recbole_ext.rerank.apply import Rerankable, Reranked, rerankable, reranked
from recbole_ext.rerank.trained_run import TrainedRun

__all__ = ["STRENGTHS", "Curves", "chosen", "sweep"]

STRENGTHS: dict[str, tuple[float, ...]] = {
    "popularity_penalty": (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0),
    "exposure": (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.85, 0.9, 0.95),
}
_STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_SHOWN = ("ndcg", "hit", "itemcoverage", "tailcoverage", "tailshare", "novelty", "gini")


@dataclass(frozen=True)
class Curves:
    """The result of a sweep.

    Attributes:
        validation: One row per method and strength: the validation metrics, whether the point was chosen, and the
            interval of what NDCG and tail share change by (``ndcg_change_low`` ...); coverage is no mean of users, and
            has none.
        test: One row for the model's own lists and one per chosen point, with the paired difference of NDCG.
        bounds: The ceiling, and the expected value of random lists, on validation, by metric with K.
        rule: How the strength was chosen.
        k: Length of the lists.
        level: Confidence level of the intervals.
        hypervolume: Method to the area under its validation front of NDCG and ItemCoverage, above the point (0, 0); the
            model's own lists, where every curve begins, are a point of each. ``none`` has them alone.
    """

    validation: pl.DataFrame
    test: pl.DataFrame
    bounds: dict[str, dict[str, float]]
    rule: str
    k: int
    level: float
    hypervolume: dict[str, float]


def _hypervolumes(own: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    methods = ["none", *dict.fromkeys(row["method"] for row in rows)]
    return {
        method: hypervolume(
            [
                (row["ndcg"], row["itemcoverage"])
                for row in (own, *(row for row in rows if row["method"] == method))
            ]
        )
        for method in methods
    }


def _at_strength(phase: Rerankable, method: str, strength: float, candidates: int) -> Reranked:
    """One point of a curve; for exposure the strength is the coverage floor."""
    if method == "exposure":
        return reranked(phase, read_rerank({"method": method, "coverage": strength}))
    return reranked(phase, read_rerank({"method": method, "strength": strength, "candidates": candidates}))


def _figures(means: Mapping[str, float], k: int) -> dict[str, float]:
    """The columns of a curve, without K in their names."""
    return {name: means[f"{name}@{k}"] for name in _SHOWN if f"{name}@{k}" in means}


def chosen(rows: Sequence[Mapping[str, Any]], base: float, most_loss: float) -> dict[str, Mapping[str, Any]]:
    """Picks, for each method, the point of largest coverage whose validation NDCG stays within a given loss.

    Args:
        rows: Points with ``method``, ``ndcg`` and ``itemcoverage``.
        base: NDCG of the model's own lists.
        most_loss: Share of ``base`` that may be lost at most, such as 0.02.
    """
    best: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        old = best.get(row["method"])
        fits = row["ndcg"] >= (1 - most_loss) * base
        if fits and (old is None or row["itemcoverage"] > old["itemcoverage"]):
            best[row["method"]] = row
    return best


def _changes(lists: Evaluation, phase: Rerankable, level: float) -> dict[str, float]:
    """Intervals of the change of each mean against the model's own lists, user by user."""
    moved = {
        name: lists.per_user[f"{name}@{phase.k}"] - phase.before.per_user[f"{name}@{phase.k}"]
        for name in ("ndcg", "tailshare")
    }
    ends = mean_intervals(moved, level=level)
    return {
        f"{name}_change_{end}": value
        for name, pair in ends.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }


def _swept(
    phase: Rerankable, settings: ParetoSettings, level: float, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One row for each method and strength.

    Raises:
        DataError: The data set serves none of the methods.
    """
    rows: list[dict[str, Any]] = []
    lacking: DataError | None = None
    points = {
        method: settings.strengths.get(method) or STRENGTHS.get(method, _STRENGTHS)
        for method in settings.methods or RERANKERS
    }
    with stage("sweeping,", sum(map(len, points.values())), "points") as sweeping:
        for method, strengths in points.items():
            reached = sweeping.done + len(strengths)
            try:
                for strength in strengths:
                    sweeping.now = f"{method} {strength:g}"
                    if row := _point(phase, method, strength, settings.candidates, level, report):
                        rows.append(row)
                    sweeping.advance()
            except DataError as error:
                report(f"{method} is left out: {error}")
                lacking = error
                sweeping.at(reached)
    if lacking is not None and not rows:
        raise lacking
    return rows


def _point(
    phase: Rerankable,
    method: str,
    strength: float,
    candidates: int,
    level: float,
    report: Callable[[str], None],
) -> dict[str, Any] | None:
    """The row of one strength, which is reported; None where its floors cannot be met."""
    try:
        again = _at_strength(phase, method, strength, candidates)
    except ConfigError as error:
        report(f"{method} {strength:g} is left out: {error}")
        return None
    figures = _figures(again.after.means, phase.k)
    report(
        f"{method:20} {strength:<5g} validation NDCG {figures['ndcg']:.4f}  coverage "
        f"{figures['itemcoverage']:.3f}  tail share {figures['tailshare']:.3f}"
    )
    return {"method": method, "strength": strength, **figures, **_changes(again.after, phase, level)}


def _test_row(label: Mapping[str, Any], phase: Rerankable, lists: Evaluation, level: float) -> dict[str, Any]:
    """Test metrics of lists, and their loss of NDCG against the model's own lists."""
    key = f"ndcg@{phase.k}"
    difference = paired_difference(lists.per_user[key], phase.before.per_user[key], level=level)
    return {
        **label,
        **_figures(lists.means, phase.k),
        "ndcg_difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
    }


def sweep(
    run: TrainedRun, settings: ParetoSettings, *, report: Callable[[str], None] = lambda _: None
) -> Curves:
    """Sweeps the strengths of each method on validation, chooses one per method, and tests those once.

    A method that the data set does not support, such as one on genres without genres, is skipped and reported.

    Args:
        run: The trained model.
        settings: Methods, strengths and the selection rule.
        report: Receives one line per point.

    Raises:
        ConfigError: The metrics lack NDCG, ItemCoverage or TailShare.
        DataError: The data set serves none of the methods.
    """
    lacking = {"NDCG", "ItemCoverage", "TailShare"} - set(run.config["metrics"])
    if lacking:
        raise ConfigError(
            f"a curve needs {sorted(lacking)[0]}, which the run's metrics lack: add it to metrics and train again"
        )
    prepared = functools.partial(
        rerankable,
        run,
        candidates=settings.candidates,
        for_exposure="exposure" in (settings.methods or RERANKERS),
    )
    level = float(run.config["confidence"])
    validation = prepared(run.data.validation)
    base = validation.before.means[f"ndcg@{validation.k}"]
    rows = _swept(validation, settings, level, report)
    picked = chosen(rows, base, settings.most_loss)
    for row in rows:
        row["chosen"] = picked.get(row["method"]) is row
    own = {
        "method": "none",
        "strength": 0.0,
        **_figures(validation.before.means, validation.k),
        **_changes(validation.before, validation, level),
        "chosen": False,
    }
    test = prepared(run.data.test)
    tested = [_test_row({"method": "none", "strength": 0.0}, test, test.before, level)]
    for method, point in tracked(picked.items(), "testing", len(picked), "chosen points"):
        again = _at_strength(test, method, float(point["strength"]), settings.candidates)
        label = {"method": method, "strength": point["strength"]}
        tested.append(_test_row(label, test, again.after, level))
    return Curves(
        pl.DataFrame([own, *rows]),
        pl.DataFrame(tested),
        bounds(validation.loader.evidence, validation.before, [validation.k]),
        f"largest coverage with a validation NDCG@{validation.k} loss of at most {settings.most_loss:.0%}",
        validation.k,
        level,
        _hypervolumes(own, rows),
    )
