"""Curves of accuracy against coverage and tail share: swept on validation, chosen by a rule, tested once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.config.blocks import RERANKERS, ParetoSettings
from recbole_ext.data.build import PreparedData
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.evaluator.evaluate import bounds
from recbole_ext.rerank.apply import Rerankable, Reranked, ranked_again, rerankable
from recbole_ext.trainer.trainer import ExactTrainer

__all__ = ["STRENGTHS", "Curves", "block_of", "chosen", "figure", "sweep"]

STRENGTHS: dict[str, tuple[float, ...]] = {
    "popularity_penalty": (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0),
    "exposure": (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.85, 0.9, 0.95),
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
_SHOWN = ("ndcg", "hit", "itemcoverage", "tailcoverage", "tailshare", "novelty", "gini")


@dataclass(frozen=True)
class Curves:
    """What a sweep gives.

    Attributes:
        validation: One row a method and strength: the metrics on validation, and which was chosen.
        test: One row for the model's own lists and each chosen point, with the paired difference of NDCG.
        bounds: Ceiling and the expectation of Random on validation, by metric with K.
        rule: How the strength was chosen.
        k: Length of the lists.
    """

    validation: pl.DataFrame
    test: pl.DataFrame
    bounds: dict[str, dict[str, float]]
    rule: str
    k: int


def block_of(method: str, strength: float, candidates: int) -> dict[str, Any]:
    """The ``rerank:`` block of one point; for exposure the strength is the coverage floor."""
    if method == "exposure":
        return {"method": method, "coverage": strength}
    return {"method": method, "strength": strength, "candidates": candidates}


def _figures(means: Mapping[str, float], k: int) -> dict[str, float]:
    return {name: means[f"{name}@{k}"] for name in _SHOWN if f"{name}@{k}" in means}


def chosen(rows: Sequence[Mapping[str, Any]], base: float, most_loss: float) -> dict[str, Mapping[str, Any]]:
    """For each method the point of largest coverage whose validation NDCG loses less than a share of the base.

    Args:
        rows: Points with ``method``, ``ndcg`` and ``itemcoverage``.
        base: NDCG of the model's own lists.
        most_loss: Share of ``base`` that may be lost, such as 0.02.
    """
    best: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        old = best.get(row["method"])
        fits = row["ndcg"] >= (1 - most_loss) * base
        if fits and (old is None or row["itemcoverage"] > old["itemcoverage"]):
            best[row["method"]] = row
    return best


def _swept(
    phase: Rerankable, settings: ParetoSettings, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    rows = []
    for method in settings.methods or RERANKERS:
        for strength in settings.strengths.get(method) or STRENGTHS.get(method, _STRENGTHS):
            try:
                again = ranked_again(phase, block_of(method, strength, settings.candidates))
            except ConfigError as error:
                report(f"{method} {strength:g} is left out: {error}")
                continue
            figures = _figures(again.after.means, phase.k)
            rows.append({"method": method, "strength": strength, **figures})
            report(
                f"{method:20} {strength:<5g} validation NDCG {figures['ndcg']:.4f}  coverage "
                f"{figures['itemcoverage']:.3f}  tail share {figures['tailshare']:.3f}"
            )
    return rows


def _test_row(label: Mapping[str, Any], phase: Rerankable, again: Reranked | None) -> dict[str, Any]:
    lists = phase.before if again is None else again.after
    key = f"ndcg@{phase.k}"
    difference = paired_difference(lists.per_user[key], phase.before.per_user[key])
    return {
        **label,
        **_figures(lists.means, phase.k),
        "ndcg_difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
    }


def sweep(
    trainer: ExactTrainer,
    data: PreparedData,
    settings: ParetoSettings,
    *,
    report: Callable[[str], None] = lambda _: None,
) -> Curves:
    """Sweeps the strengths of each method on validation, chooses one, and tests the chosen ones once.

    Args:
        trainer, data: Of a trained run.
        settings: Methods, strengths and the rule of the choice.
        report: Receives a line for each point.

    Raises:
        ConfigError: The metrics lack NDCG, ItemCoverage or TailShare.
    """
    lacking = {"NDCG", "ItemCoverage", "TailShare"} - set(trainer.config["metrics"])
    if lacking:
        raise ConfigError(
            f"a curve needs {sorted(lacking)[0]}, which the run's metrics lack: add it and train anew"
        )
    validation = rerankable(trainer, data, data.validation, candidates=settings.candidates)
    base = validation.before.means[f"ndcg@{validation.k}"]
    rows = _swept(validation, settings, report)
    picked = chosen(rows, base, settings.most_loss)
    for row in rows:
        row["chosen"] = picked.get(row["method"]) is row
    own = {
        "method": "none",
        "strength": 0.0,
        **_figures(validation.before.means, validation.k),
        "chosen": False,
    }
    test = rerankable(trainer, data, data.test, candidates=settings.candidates)
    tested = [_test_row({"method": "none", "strength": 0.0}, test, None)]
    for method, point in picked.items():
        again = ranked_again(test, block_of(method, float(point["strength"]), settings.candidates))
        tested.append(_test_row({"method": method, "strength": point["strength"]}, test, again))
    return Curves(
        pl.DataFrame([own, *rows]),
        pl.DataFrame(tested),
        bounds(validation.loader, validation.before, [validation.k]),
        f"largest coverage with a validation NDCG@{validation.k} loss of at most {settings.most_loss:.0%}",
        validation.k,
    )


def _draw(plot: Any, curves: Curves, key: str, column: int) -> None:
    """One panel: each method's curve from the model's own lists on, the published point, ceiling and Random."""
    place = {"row": 1, "col": column}
    own = curves.validation.filter(pl.col("method") == "none")
    methods = [name for name in curves.validation["method"].unique(maintain_order=True) if name != "none"]
    for index, method in enumerate(methods):
        part = pl.concat([own, curves.validation.filter(pl.col("method") == method)])
        plot.add_scatter(
            x=part[key],
            y=part["ndcg"],
            text=[f"{method} {value:g}" for value in part["strength"]],
            mode="lines+markers",
            marker={"size": np.where(part["chosen"].to_numpy(), 13, 6)},
            line={"color": _COLOURS[index % len(_COLOURS)]},
            name=method,
            legendgroup=method,
            showlegend=column == 1,
            **place,
        )
    published = curves.validation.filter(
        (pl.col("method") == "popularity_penalty") & (pl.col("strength") == 0.1)
    )
    if len(published):
        plot.add_scatter(
            x=published[key],
            y=published["ndcg"],
            mode="markers",
            marker={"size": 14, "symbol": "diamond-open", "color": "#d62728", "line": {"width": 2}},
            name="penalty, α = 0.1",
            legendgroup="published",
            showlegend=column == 1,
            **place,
        )
    for kind, dash in (("random", "dot"), ("ceiling", "dash")):
        value = curves.bounds[kind].get(f"{key}@{curves.k}")
        if value is not None:
            plot.add_vline(value, line_dash=dash, line_color="grey", annotation_text=kind, **place)


def figure(curves: Curves, title: str) -> Any:
    """Plotly figure: NDCG against coverage and against tail share, with ceiling and Random drawn in."""
    from plotly.subplots import make_subplots

    shown = (("itemcoverage", "coverage"), ("tailshare", "tail share"))
    plot = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=[name for _, name in shown])
    for column, (key, name) in enumerate(shown, start=1):
        _draw(plot, curves, key, column)
        plot.update_xaxes(title_text=f"{name} at {curves.k}", range=[-0.02, 1.05], row=1, col=column)
    plot.update_yaxes(title_text=f"NDCG@{curves.k}, validation", rangemode="tozero", col=1)
    subtitle = f"large points: chosen on validation ({curves.rule})"
    plot.update_layout(
        title={"text": title, "subtitle": {"text": subtitle}},
        template="plotly_white",
        legend={"orientation": "h", "y": -0.2},
    )
    return plot
