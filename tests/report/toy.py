"""Comparisons made by hand, whose right sentences are known."""

from __future__ import annotations

from typing import Any

from recbole_ext.report.comparison import ComparisonView, Difference, Estimate, RowView

KINDS = {"EASE": "classic", "ItemKNN": "classic", "GRU4Rec": "sequence", "MLP": "neural", "Random": "floor"}


def difference(mean: float, significant: bool) -> Difference:
    return Difference(
        mean,
        mean - 0.01,
        mean + 0.01,
        0.001 if significant else 0.4,
        0.004 if significant else 0.8,
        significant,
    )


def row(model: str, ndcg: float, coverage: float = 0.2, **more: Any) -> RowView:
    metrics = {
        "ndcg@10": Estimate(ndcg, ndcg - 0.01, ndcg + 0.01),
        "hit@10": Estimate(2 * ndcg, 2 * ndcg - 0.02, 2 * ndcg + 0.02),
        "recall@10": Estimate(2 * ndcg, 2 * ndcg - 0.02, 2 * ndcg + 0.02),
        "itemcoverage@10": Estimate(coverage),
        "tailshare@10": Estimate(coverage / 4),
    }
    return RowView(model, KINDS.get(model, "neural"), [1], metrics, **more)


def comparison(*rows: RowView, baseline: str | None = "EASE", **more: Any) -> ComparisonView:
    bounds = {"random": {"itemcoverage@10": 0.81}, "ceiling": {"itemcoverage@10": 1.0}}
    ordered = tuple(sorted(rows, key=lambda one: -one.metrics["ndcg@10"].mean))
    return ComparisonView(ordered, baseline, 10, "toy", {"head_rule": "interactions_80"}, bounds, 600, **more)


def against_base(model: str, ndcg: float, gap: float, significant: bool, coverage: float = 0.2) -> RowView:
    keys = ("ndcg@10", "hit@10", "recall@10")
    return row(model, ndcg, coverage, difference={key: difference(gap, significant) for key in keys})
