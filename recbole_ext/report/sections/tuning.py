"""Ablations, and how the parameters were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recbole_ext.config.messages import pluralize
from recbole_ext.report.charts import Line, Point, intervals, lines_chart
from recbole_ext.report.comparison import level_of
from recbole_ext.report.context import Context
from recbole_ext.report.document import Block, Cell, Details, Figure, Paragraph, Section, Table, cell
from recbole_ext.report.sections.search_charts import search_charts
from recbole_ext.report.sections.search_front import front_of_search
from recbole_ext.report.sections.search_words import as_number
from recbole_ext.report.wording import interval_note, interval_words, level_name, number, percent, seconds
from recbole_ext.runs.trials import Trials

__all__ = ["ablation_section", "tuning_section"]


def _with_interval(ndcg: dict[str, Any]) -> Cell:
    mean = float(ndcg["mean"])
    return Cell(
        number(mean), mean, interval_note(ndcg.get("low"), ndcg.get("high"), ndcg.get("sd_over_seeds"))
    )


def _sweep_table(title: str, key: str, points: Sequence[dict[str, Any]], k: int) -> Table:
    rows = []
    for point in points:
        coverage, seconds = point.get("itemcoverage"), point.get("seconds")
        share = cell(None) if coverage is None else Cell(percent(coverage), coverage)
        value = Cell(str(point["value"]), as_number(point["value"]))
        time = cell(None if seconds is None else float(seconds), 0)
        rows.append((value, _with_interval(point["ndcg"]), share, time))
    return Table(title, (key, f"NDCG@{k}", "Coverage", "Training s"), tuple(rows))


def _sweep_chart(
    title: str, words: str, key: str, points: Sequence[dict[str, Any]], k: int, level: float
) -> Figure:
    """A line where the values are numbers, else a row for each value."""
    ndcg = [point["ndcg"] for point in points]
    low, high = [value.get("low") for value in ndcg], [value.get("high") for value in ndcg]
    means = [float(value["mean"]) for value in ndcg]
    if not all(as_number(point["value"]) is not None for point in points):
        rows = [
            Point(str(point["value"]), mean, low=a, high=b)
            for point, mean, a, b in zip(points, means, low, high, strict=True)
        ]
        return intervals(title, words, rows, f"NDCG@{k}", caption=f"{words}.")
    known = None not in low and None not in high
    x = [float(point["value"]) for point in points]
    tips = [f"{key} = {value:g}: {mean:.4f}" for value, mean in zip(x, means, strict=True)]
    line = Line(key, x, means, low=low if known else (), high=high if known else (), tips=tips)
    return lines_chart(
        title,
        words,
        [line],
        (key, f"NDCG@{k}"),
        caption=words + (f"; band: {level_name(level)} interval." if known else "."),
        zero_x=False,
        logarithmic=min(x) > 0 and max(x) / min(x) >= 50,
    )


def _sweep(sweep: dict[str, Any], k: int, level: float) -> list[Block]:
    """A chart and a table of one key."""
    points: Sequence[dict[str, Any]] = sweep["points"]
    model, key = sweep["model"], sweep["key"]
    if all(as_number(point["value"]) is not None for point in points):
        points = sorted(points, key=lambda point: point["value"])
    means = [float(point["ndcg"]["mean"]) for point in points]
    best = int(np.argmax(means))
    words = (
        f"{model}: the largest NDCG@{k} is {means[best]:.4f}, at {key} = {points[best]['value']}; the smallest is "
        f"{min(means):.4f}"
    )
    chart = _sweep_chart(f"{model}: NDCG@{k} by {key}", words, key, points, k, level)
    return [chart, _sweep_table(f"{model}: {key}", key, points, k)]


def ablation_section(context: Context) -> Section | None:
    """What each choice is worth."""
    sweeps = [
        (sweep, level_of(one.get("protocol", {})))
        for one in context.inputs.ablations
        for sweep in one.get("sweeps", ())
        if sweep.get("points")
    ]
    if not sweeps:
        return None
    blocks: list[Block] = [
        block for sweep, level in sweeps for block in _sweep(sweep, context.comparison.k, level)
    ]
    levels = {f"{sweep['model']}: {sweep['key']}": level for sweep, level in sweeps}
    seeds = max(
        (len(one.get("protocol", {}).get("seeds") or ()) for one in context.inputs.ablations), default=0
    )
    intervals = interval_words(levels, "bootstrap interval")
    words = f"Below a figure, or in brackets after it: {intervals} of a setting, over users"
    words += f"; ±: standard deviation over {seeds} seeds" if seeds > 1 else ""
    words += ". Where the intervals of two settings overlap, a difference between them is not proven."
    return Section("ablation", "What each choice is worth", (*blocks, Paragraph(words, quiet=True)))


def _tuned(model: str, trials: Trials) -> list[Block]:
    """Text, table and charts of a search."""
    done = trials.finished
    count = f"{len(done)} of {pluralize(trials.total, 'trial')} finished"
    if len(done) < 2:
        return [Paragraph(f"{model}: {count}, too few to draw.", quiet=True)]
    front = front_of_search(model, trials) if len(trials.objectives) > 1 else []
    return [Details(f"{model}: {count}", blocks=(*front, *search_charts(model, trials)))]


def _minutes(value: float | None) -> Cell:
    """Minutes, or seconds below a twentieth of a minute."""
    return cell(value, 1) if value is None or value >= 0.05 else Cell(seconds(60 * value), value)


def tuning_section(context: Context) -> Section | None:
    """How the parameters were found."""
    trials, effort = context.inputs.trials, context.comparison.tuning
    blocks: list[Block] = []
    if effort:
        rows = tuple(
            (
                Cell(model),
                cell(one.get("trials"), 0),
                cell(one.get("best_value")),
                _minutes(one.get("minutes")),
            )
            for model, one in effort.items()
        )
        blocks.append(Table("Effort of the tuning", ("Model", "Trials", "Best value", "Minutes"), rows))
    for model, search in trials.items():
        blocks += _tuned(model, search)
    return Section("tuning", "How the parameters were found", tuple(blocks)) if blocks else None
