"""Accuracy against coverage."""

from __future__ import annotations

from recbole_ext.report.charts import Point, scatter
from recbole_ext.report.comparison import ComparisonView, RowView
from recbole_ext.report.context import FORMS, Context, legend_of
from recbole_ext.report.document import Figure, Section
from recbole_ext.report.sentences import leaders, reference
from recbole_ext.report.wording import joined, level_name, number, percent

__all__ = ["coverage_section"]


def coverage_section(context: Context) -> Section | None:
    """NDCG and coverage of each model, beside Random and the ceiling."""
    comparison = context.comparison
    rows = [row for row in comparison.rows if row.mean(comparison.key("itemcoverage")) is not None]
    if len(rows) < 2:
        return None
    lead = _lead(comparison, rows)
    return Section("coverage", "Accuracy against coverage", (_chart(comparison, rows),), lead)


def _lead(comparison: ComparisonView, rows: list[RowView]) -> str:
    """Which models are on the front, and which are not significantly behind the most accurate one."""
    sentences = []
    front = _front([row for row in rows if row.family != "floor"], comparison)
    if front:
        beaten = front[0] if len(front) == 1 else "any of them"
        shared = "" if len(front) == 1 else f"{joined(front)} form the front: "
        sentences.append(
            f"By the means alone, {shared}no other trained model beats {beaten} in both accuracy and coverage."
        )
    near = [row.model for row in leaders(comparison) if row.model != reference(comparison)]
    if near:
        sentences.append(f"Not significantly behind {reference(comparison)} in accuracy: {joined(near)}.")
    return " ".join(sentences)


def _front(rows: list[RowView], comparison: ComparisonView) -> list[str]:
    """Models that no other one beats in both NDCG and coverage."""
    keys = comparison.key("ndcg"), comparison.key("itemcoverage")

    def values(row: RowView) -> tuple[float, ...]:
        return tuple(row.mean(key) or 0.0 for key in keys)

    return [
        row.model
        for row in rows
        if not any(
            all(a >= b for a, b in zip(values(other), values(row), strict=True))
            and values(other) != values(row)
            for other in rows
        )
    ]


def _chart(comparison: ComparisonView, rows: list[RowView]) -> Figure:
    accuracy, coverage = comparison.key("ndcg"), comparison.key("itemcoverage")
    points = []
    for row in rows:
        estimate, (colour, form) = row.metrics[accuracy], FORMS[row.family]
        share = row.mean(coverage) or 0.0
        points.append(Point(row.model, share, estimate.mean, estimate.low, estimate.high, colour, form))
    bounds = [
        (comparison.bounds[kind][coverage], label)
        for kind, label in (("random", "Random, expected"), ("ceiling", "ceiling"))
        if coverage in comparison.bounds.get(kind, {})
    ]
    return scatter(
        f"NDCG@{comparison.k} against item coverage@{comparison.k}",
        "; ".join(f"{p.name}: coverage {percent(p.x)}, NDCG {number(p.y)}" for p in points),
        points,
        (f"item coverage@{comparison.k}", f"NDCG@{comparison.k}"),
        lines=bounds,
        legend=legend_of(comparison.rows),
        caption="Item coverage: the share of the catalogue that appears in at least one list. "
        f"Bars: {level_name(comparison.level)} interval of NDCG.",
        top_x=1.0,
        form_x=lambda value: f"{value:.0%}",
    )
