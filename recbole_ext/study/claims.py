"""The claims of the study that is reproduced, each held against the comparison, whichever way it comes out."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from recbole_ext.study.result import Claim, ComparisonRow

__all__ = ["claims_of"]

_BALANCE = "GRU4Rec has the best balance of accuracy and coverage"
_DEEP = "deep models beat the baselines in {metric}"
_PENALTY = "a popularity penalty of 0.1 lifts coverage to 82 % with little loss of accuracy"
_TAIL = "77.6 % of the recommendations are from less popular films"


def claims_of(
    rows: Sequence[ComparisonRow],
    baseline: str,
    classic: Collection[str],
    protocol: dict[str, Any],
    curves: dict[str, Path],
) -> list[Claim]:
    """What became of each claim; a claim whose figures were not computed is left out.

    Args:
        rows: All models.
        baseline: Name of the best classic model.
        classic: Names of the models that are no neural networks.
        protocol: With ``shown_k`` and ``head_rule``.
        curves: Model to the folder of its curves.
    """
    k = protocol["shown_k"]
    found = [_balance(rows, k)]
    found += [_deep(rows, baseline, classic, metric, k) for metric in ("recall", "hit")]
    found += [_penalty(model, folder) for model, folder in curves.items()]
    found += [_tail(rows, protocol)]
    return [claim for claim in found if claim is not None]


def _balance(rows: Sequence[ComparisonRow], k: int) -> Claim | None:
    """Best balance, read as: no other model is at least as good in both figures and better in one."""
    ndcg, coverage = f"ndcg@{k}", f"itemcoverage@{k}"
    own = next((row for row in rows if row.model == "GRU4Rec"), None)
    if own is None or not {ndcg, coverage} <= own.metrics.keys():
        return None
    point = own.metrics[ndcg].mean, own.metrics[coverage].mean
    better = []
    for row in rows:
        other = row.metrics[ndcg].mean, row.metrics[coverage].mean
        if other != point and all(a >= b for a, b in zip(other, point, strict=True)):
            better.append(f"{row.model} ({other[0]:.4f}, {other[1]:.3f})")
    text = f"NDCG@{k} {point[0]:.4f} and coverage {point[1]:.3f}; at least as good in both: "
    return Claim(claim=_BALANCE, holds=not better, evidence=text + (", ".join(better) or "no model"))


def _deep(
    rows: Sequence[ComparisonRow], baseline: str, classic: Collection[str], metric: str, k: int
) -> Claim | None:
    """Read as: every neural model is significantly above the best classic one."""
    key = f"{metric}@{k}"
    deep = [row for row in rows if row.model not in classic and key in row.difference]
    if not deep or baseline not in classic:
        return None
    above = [row for row in deep if row.difference[key].significant and row.difference[key].mean > 0]
    told = "; ".join(
        f"{row.model} {row.difference[key].mean:+.4f} [{row.difference[key].low:+.4f}, "
        f"{row.difference[key].high:+.4f}], p {row.difference[key].p_holm:.3g}"
        for row in deep
    )
    return Claim(
        claim=_DEEP.format(metric=f"{metric.capitalize()}@{k}"),
        holds=len(above) == len(deep),
        evidence=f"{len(above)} of {len(deep)} significantly above {baseline}: {told}",
    )


def _penalty(model: str, folder: Path) -> Claim | None:
    """Little loss, read as at most 2 % of NDCG; from the validation curve, which holds every strength."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    by_point = {(row["method"], row["strength"]): row for row in metrics["validation"]}
    own, point = by_point.get(("none", 0.0)), by_point.get(("popularity_penalty", 0.1))
    if own is None or point is None:
        return None
    loss = 1 - point["ndcg"] / own["ndcg"] if own["ndcg"] else 0.0
    return Claim(
        claim=f"{_PENALTY} ({model})",
        holds=bool(point["itemcoverage"] >= 0.82 and loss <= 0.02),
        evidence=f"on validation: coverage {own['itemcoverage']:.3f} to {point['itemcoverage']:.3f}, NDCG "
        f"{own['ndcg']:.4f} to {point['ndcg']:.4f} ({loss:.1%} lost)",
    )


def _tail(rows: Sequence[ComparisonRow], protocol: dict[str, Any]) -> Claim | None:
    """The rule that comes closest to the claim's is ``interactions_20``; under another it cannot be judged."""
    key = f"tailshare@{protocol['shown_k']}"
    shares = {row.model: row.metrics[key].mean for row in rows if key in row.metrics}
    if not shares:
        return None
    rule = protocol["head_rule"]
    reached = max(shares.values()) >= 0.776 if rule == "interactions_20" else None
    told = ", ".join(f"{model} {share:.1%}" for model, share in shares.items())
    return Claim(claim=_TAIL, holds=reached, evidence=f"share outside the head by {rule}: {told}")
