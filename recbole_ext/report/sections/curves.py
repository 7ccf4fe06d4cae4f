"""Curves of re-rankers: accuracy against coverage and against tail share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from recbole_ext.report.charts import Line, lines_chart
from recbole_ext.report.document import Figure
from recbole_ext.report.wording import number, percent

__all__ = ["curve_chart", "shown_k"]

_COLOURS = ("c2", "c1", "c3", "c4", "c6", "c7", "c5")


def _percent_tick(value: float) -> str:
    return f"{value:.0%}"


def _line(method: str, part: Sequence[Mapping[str, Any]], key: str, name: str, colour: str) -> Line:
    """One re-ranker's points by strength; α = 0.1 of the penalty is marked."""
    penalty = method == "popularity_penalty"
    marked = [i for i, row in enumerate(part) if penalty and abs(row["strength"] - 0.1) < 1e-9]
    return Line(
        method,
        [row[key] for row in part],
        [row["ndcg"] for row in part],
        tips=[
            f"{method} {row['strength']:g}: {name} {percent(row[key])}, NDCG {number(row['ndcg'])}"
            for row in part
        ],
        marked=marked,
        names=["α = 0.1"] * len(marked),
        colour=colour,
    )


def _begins_at_zero(lines: Sequence[Line]) -> bool:
    values = [value for line in lines for value in line.y]
    return min(values, default=0.0) <= 0.3 * (max(values, default=0.0) - min(values, default=0.0))


def shown_k(curve: Mapping[str, Any]) -> int:
    """Length of the lists, read off the names of the bounds."""
    return next((int(name.partition("@")[2]) for name in curve["bounds"].get("ceiling", {})), 10)


def _lines(curve: Mapping[str, Any], key: str, name: str) -> list[Line]:
    """One line a method; each begins at the model's own lists."""
    rows: Sequence[Mapping[str, Any]] = curve["validation"]
    own = [row for row in rows if row["method"] == "none"]
    methods = dict.fromkeys(str(row["method"]) for row in rows if row["method"] != "none")
    lines = []
    for method, colour in zip(methods, itertools.cycle(_COLOURS), strict=False):
        part = sorted(
            [*own, *(row for row in rows if row["method"] == method)], key=lambda row: row["strength"]
        )
        lines.append(_line(method, part, key, name, colour))
    return lines


def curve_chart(model: str, curve: Mapping[str, Any], key: str, name: str) -> Figure:
    """NDCG of every method and strength against coverage or tail share, on validation.

    Args:
        model: Whose lists are re-ranked.
        curve: ``metrics.json`` of ``pareto``.
        key, name: Of the measure on the horizontal axis, in ``curve`` and in words.
    """
    k, lines = shown_k(curve), _lines(curve, key, name)
    own = next((row["ndcg"] for row in curve["validation"] if row["method"] == "none"), None)
    references = [
        (curve["bounds"][kind][f"{key}@{k}"], label)
        for kind, label in (("random", "Random"), ("ceiling", "ceiling"))
        if f"{key}@{k}" in curve["bounds"].get(kind, {})
    ]
    # A curve may turn back: its end need not be the largest share that it reaches.
    ends = "At the largest strength: " + "; ".join(
        f"{line.name} {percent(line.x[-1])} at NDCG {number(line.y[-1])}" for line in lines
    )
    rule = f", head rule {curve.get('protocol', {}).get('head_rule')}" if key == "tailshare" else ""
    return lines_chart(
        f"{model}: NDCG@{k} against {name}@{k} (validation{rule})",
        ends,
        lines,
        (f"{name}@{k}", f"NDCG@{k}, validation"),
        references=references,
        form_x=_percent_tick,
        level=None if own is None else (own, "own lists"),
        zero_y=False,
        caption="" if _begins_at_zero(lines) else "The vertical axis does not start at 0.",
    )
