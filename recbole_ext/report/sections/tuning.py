"""Ablations and the history of a tuning, drawn from their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.report.charts import Line, Point, bars, intervals, lines_chart, scatter
from recbole_ext.report.context import Context
from recbole_ext.report.document import Block, Cell, Details, Figure, Paragraph, Section, Table, cell
from recbole_ext.report.wording import percent, seconds

__all__ = ["ablation_section", "explained", "tuning_section"]


# Quarters of fewer trials explain each other's chance.
_ENOUGH = 8


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sweep_table(title: str, key: str, points: Sequence[dict[str, Any]], k: int) -> Table:
    rows = []
    for point in points:
        coverage, seconds = point.get("itemcoverage"), point.get("seconds")
        share = cell(None) if coverage is None else Cell(percent(coverage), coverage)
        value = Cell(str(point["value"]), float(point["value"]) if _is_number(point["value"]) else None)
        time = cell(None if seconds is None else float(seconds), 0)
        rows.append((value, cell(float(point["ndcg"]["mean"])), share, time))
    return Table(title, (key, f"NDCG@{k}", "Coverage", "Training s"), tuple(rows))


def _sweep_chart(title: str, words: str, key: str, points: Sequence[dict[str, Any]], k: int) -> Figure:
    """A line over numbers; a row for each of other values, which have no order."""
    ndcg = [point["ndcg"] for point in points]
    low, high = [value.get("low") for value in ndcg], [value.get("high") for value in ndcg]
    means = [float(value["mean"]) for value in ndcg]
    if not all(_is_number(point["value"]) for point in points):
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
        caption=words + ("; band: 95 % interval." if known else "."),
        zero_x=False,
        logarithmic=min(x) > 0 and max(x) / min(x) >= 50,
    )


def _sweep(sweep: dict[str, Any], k: int) -> list[Block]:
    """A chart and a table of one key."""
    points: Sequence[dict[str, Any]] = sweep["points"]
    model, key = sweep["model"], sweep["key"]
    if all(_is_number(point["value"]) for point in points):
        points = sorted(points, key=lambda point: point["value"])
    means = [float(point["ndcg"]["mean"]) for point in points]
    best = int(np.argmax(means))
    words = (
        f"{model}: the largest NDCG@{k}, {means[best]:.4f}, stands at {key} = {points[best]['value']}; the smallest is "
        f"{min(means):.4f}"
    )
    chart = _sweep_chart(f"{model}: NDCG@{k} by {key}", words, key, points, k)
    return [chart, _sweep_table(f"{model}: {key}", key, points, k)]


def ablation_section(context: Context) -> Section | None:
    """What each choice is worth."""
    sweeps = [
        sweep for one in context.inputs.ablations for sweep in one.get("sweeps", ()) if sweep.get("points")
    ]
    if not sweeps:
        return None
    blocks: list[Block] = [block for sweep in sweeps for block in _sweep(sweep, context.comparison.k)]
    return Section("ablation", "What each choice is worth", tuple(blocks))


def explained(trials: pl.DataFrame, value: str, parameters: Sequence[str]) -> dict[str, float]:
    """Share of the variance of ``value`` that the quarters (or the classes) of each parameter explain.

    It is eta squared of a one-way analysis of variance, between 0 and 1; parameters are looked at one by one.

    Args:
        trials: One row a finished trial.
        value: Column of the value.
        parameters: Columns of what was searched.
    """
    y = trials[value].to_numpy().astype(float)
    total = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    result = {}
    for name in parameters:
        column = trials[name].drop_nulls()
        if total == 0 or len(column) < len(y) or column.n_unique() < 2:
            continue
        if column.dtype.is_numeric() and column.n_unique() > 4:
            numbers = column.to_numpy().astype(float)
            classes = np.searchsorted(np.quantile(numbers, [0.25, 0.5, 0.75]), numbers)
        else:
            classes = column.cast(pl.String).rank("dense").to_numpy()
        between = sum(
            (classes == one).sum() * (y[classes == one].mean() - y.mean()) ** 2 for one in np.unique(classes)
        )
        result[name] = float(between / total)
    return dict(sorted(result.items(), key=lambda item: -item[1]))


def _finished(trials: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Finished trials in their order, the columns of the objectives, and those of the parameters."""
    names = trials.columns
    values = names[names.index("state") + 1 : names.index("seconds")]
    parameters = names[names.index("best_epoch") + 1 : names.index("same_as")]
    return trials.filter(pl.col("state") == "complete").sort("number"), values, parameters


def _history(model: str, done: pl.DataFrame, value: str) -> Block:
    number, y = [float(n) for n in done["number"]], [float(v) for v in done[value]]
    best = np.repeat(np.maximum.accumulate(y), 2)[:-1].tolist()
    steps = np.repeat(number, 2)[1:].tolist()
    words = f"The best of {len(y)} finished trials, {max(y):.4f}, is number {int(number[int(np.argmax(y))])}"
    return lines_chart(
        f"{model}: history of the tuning",
        words,
        [
            Line("a trial", number, y, colour="c5", joined=False),
            Line("best so far", steps, best, dots=False),
        ],
        ("trial", "validation value"),
        caption=words + ".",
        zero_y=False,
    )


def _slices(model: str, done: pl.DataFrame, value: str, names: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    for name in names:
        column = done[name]
        if not column.dtype.is_numeric():
            groups = done.group_by(name).agg(pl.col(value).max().alias("best"), pl.len().alias("n"))
            rows = [
                (str(choice), float(top), f"{top:.4f} ({n} {'trial' if n == 1 else 'trials'})")
                for choice, top, n in groups.sort("best", descending=True).iter_rows()
            ]
            words = "; ".join(f"{choice} {shown}" for choice, _, shown in rows)
            blocks.append(bars(f"{model}: best value by {name}", words, rows, "best value"))
            continue
        x, y = column.cast(pl.Float64).to_list(), done[value].to_list()
        order = np.argsort(x)
        blocks.append(
            lines_chart(
                f"{model}: value by {name}",
                f"The best trial has {name} = {x[int(np.argmax(y))]:.4g}",
                [Line("a trial", [x[i] for i in order], [y[i] for i in order], joined=False)],
                (name, "validation value"),
                zero_x=False,
                zero_y=False,
                logarithmic=min(x) > 0 and max(x) / min(x) >= 50,
            )
        )
    return blocks


def _tuned(model: str, trials: pl.DataFrame) -> list[Block]:
    done, values, parameters = _finished(trials)
    ran = "trial ran to its end" if len(trials) == 1 else "trials ran to their end"
    count = f"{len(done)} of {len(trials)} {ran}"
    if len(done) < 2:
        return [Paragraph(f"{model}: {count}, too few to draw.", quiet=True)]
    return [Details(f"{model}: {count}", blocks=tuple(_drawn(model, done, values, parameters)))]


def _drawn(model: str, done: pl.DataFrame, values: Sequence[str], parameters: Sequence[str]) -> list[Block]:
    if len(values) > 1:
        points = [
            Point(f"trial {row['number']}", float(row[values[1]]), float(row[values[0]]), quiet=True)
            for row in done.iter_rows(named=True)
        ]
        title = f"{model}: the two aims of the tuning against each other"
        return [scatter(title, f"{len(points)} finished trials", points, (values[1], values[0]))]
    value = values[0]
    shares = explained(done, value, parameters)
    blocks = [_history(model, done, value)]
    if shares and len(done) >= _ENOUGH:
        rows = [(name, share, f"{share:.0%}") for name, share in shares.items()]
        words = "Share of the variance of the value that the quarters of a parameter explain, one by one (eta squared)"
        figures = "; ".join(f"{name} {shown}" for name, _, shown in rows)
        title = f"{model}: which parameter matters"
        blocks.append(bars(title, f"{words}: {figures}", rows, "share", caption=f"{words}."))
    return [*blocks, *_slices(model, done, value, list(shares)[:4])]


def _minutes(value: float | None) -> Cell:
    """Minutes, or the seconds of a search that took hardly any."""
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
    for model, table in trials.items():
        blocks += _tuned(model, table)
    return Section("tuning", "How the parameters were found", tuple(blocks)) if blocks else None
