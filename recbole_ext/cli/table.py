"""Finished runs side by side as one Markdown table, with the protocol and the command of each row."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.cli.show import protocol_line
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.evaluator.confidence import differences
from recbole_ext.evaluator.register import is_accuracy, known_metrics
from recbole_ext.runs.folder import open_run, read_metrics
from recbole_ext.runs.lists import read_per_user

__all__ = ["DEFAULT_COLUMNS", "runs_table"]

DEFAULT_COLUMNS = ("NDCG", "Hit", "MRR", "ItemCoverage", "TailShare", "Novelty", "epochs", "seconds")

# What a run cost, beside what it reached; the words are the headers.
_COSTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "epochs": ("epochs", lambda metrics: str(metrics["epochs"])),
    "seconds": ("training s", lambda metrics: f"{metrics['seconds']['training']:.0f}"),
    "parameters": ("parameters", lambda metrics: f"{metrics['parameters']:,}"),
}


def _same_protocol(runs: Sequence[Path], figures: Sequence[Mapping[str, Any]]) -> None:
    """Rows of one table must be comparable; only the seed may differ."""

    def comparable(metrics: Mapping[str, Any]) -> dict[str, Any]:
        rest = {
            key: value for key, value in metrics["protocol"].items() if key not in ("seed", "topk", "shown_k")
        }
        return {"dataset": metrics["dataset"], **rest}

    first = comparable(figures[0])
    for run, metrics in zip(runs[1:], figures[1:], strict=True):
        other = comparable(metrics)
        differing = [key for key in first if first[key] != other.get(key)]
        if differing:
            key = differing[0]
            raise ConfigError(
                f"{runs[0]} and {run} are not comparable: {key} is {first[key]!r} and {other.get(key)!r}; show them "
                "in two tables"
            )


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def _cell(metrics: Mapping[str, Any], key: str) -> str:
    value = metrics["test"].get(key)
    if value is None:
        return "–"
    interval = metrics["test_intervals"].get(key)
    if interval is None or not is_accuracy(key.partition("@")[0]):
        return _number(value)
    return f"{value:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _bound(figures: Sequence[Mapping[str, Any]], kind: str, key: str) -> str:
    value = figures[0]["test_bounds"][kind].get(key)
    return "–" if value is None else _number(value)


def _columns(names: Sequence[str]) -> list[str]:
    known = {name.lower(): name for name in (*known_metrics(), *_COSTS)}
    for name in names:
        if name.lower() not in known:
            raise ConfigError(f"unknown metric {name!r} in the columns{nearest(name, known.values())}")
    return [known[name.lower()] for name in names]


def _per_user(run: Path, key: str) -> pl.DataFrame:
    values = read_per_user(open_run(run))
    if key not in values.columns:
        raise ConfigError(
            f"{key} has no value for each user in {run}: put an accuracy metric, such as NDCG, first in --columns"
        )
    return values.select("user_id", key)


def _differences(runs: Sequence[Path], base: Path, key: str, level: float) -> list[str]:
    """For each run the mean difference to the base over users, its interval, and p with Holm's correction."""
    values: dict[str, np.ndarray] = {}
    for run in runs:
        both = _per_user(run, key).join(_per_user(base, key), on="user_id", how="full", suffix="_base")
        one, other = both[key].to_numpy(), both[f"{key}_base"].to_numpy()
        if np.isnan(one).any() or np.isnan(other).any():
            raise ConfigError(
                f"{run} and {base} were not tested on the same users: compare runs of one split"
            )
        if run.resolve() != base.resolve():
            values[str(run)] = one - other
    users = len(one)
    found = differences(values, np.zeros(users), level=level)
    return [
        f"{value.mean:+.4f} [{value.low:+.4f}, {value.high:+.4f}], {value.p_holm:.2g}" if value else ""
        for value in (found.get(str(run)) for run in runs)
    ]


def _notes(figures: Sequence[Mapping[str, Any]], shown: str, key: str) -> list[str]:
    """What the brackets are, the protocol, and the command of each row."""
    halves = []
    for metrics in figures:
        low, high = metrics["test_intervals"].get(key, (0.0, 0.0))
        halves.append((high - low) / 2)
    protocol = figures[0]["protocol"]
    return [
        "",
        f"In brackets: {float(protocol['confidence']):.0%} bootstrap interval over users (median half-width of "
        f"{shown}: {statistics.median(halves):.3f}). Protocol: {protocol_line(figures[0])}. Head rule: "
        f"`{protocol['head_rule']}`.",
        "",
        *(f"- {metrics['model']}: `{metrics['command']}`" for metrics in figures),
    ]


def runs_table(
    runs: Sequence[Path],
    *,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    k: int | None = None,
    against: Path | None = None,
) -> str:
    """Markdown: one row a run, the ceiling and the expectation of Random, the protocol, the commands.

    Args:
        runs: Finished run folders of one data set and protocol.
        columns: Names of metrics, and ``epochs``, ``seconds`` (of training) and ``parameters``, which come last.
        k: Length of the lists; that of the first run's ``valid_metric`` if None.
        against: A run to which the first column is compared, user by user: mean difference, interval, and the p of
            the paired randomisation test with Holm's correction for the number of rows.

    Raises:
        CheckpointError: A folder is no whole run.
        ConfigError: The runs are not comparable, or a metric or K was not computed.
    """
    if not runs:
        raise ConfigError("a table needs at least one run folder: name those that 'train' has written")
    figures = [read_metrics(open_run(run)) for run in runs]
    _same_protocol(
        [*runs, against] if against else runs,
        [*figures, read_metrics(open_run(against))] if against else figures,
    )
    chosen = _columns(columns)
    names, costs = ([name for name in chosen if (name in _COSTS) == cost] for cost in (False, True))
    k = k or int(figures[0]["protocol"]["shown_k"])
    if not any(f"{name.lower()}@{k}" in figures[0]["test"] for name in names):
        raise ConfigError(f"{runs[0]} has no figures at {k}: choose one of {figures[0]['protocol']['topk']}")
    keys = [f"{name.lower()}@{k}" for name in names]
    headers = [f"{name}@{k}" for name in names] + [_COSTS[cost][0] for cost in costs]
    rows = [
        [*(_cell(metrics, key) for key in keys), *(_COSTS[cost][1](metrics) for cost in costs)]
        for metrics in figures
    ]
    if against is not None:
        level = float(figures[0]["protocol"]["confidence"])
        headers.append(f"{headers[0]} - {read_metrics(open_run(against))['model']}, p")
        for row, text in zip(rows, _differences(runs, against, keys[0], level), strict=True):
            row.append(text)
    lines = [_row(["model", *headers]), _row(["---"] + ["---:"] * len(headers))]
    lines += [_row([metrics["model"], *row]) for metrics, row in zip(figures, rows, strict=True)]
    if any(not is_accuracy(name) for name in names):
        empty = [""] * (len(headers) - len(names))
        for label, kind in (("*Random, expected*", "random"), ("*ceiling*", "ceiling")):
            lines.append(_row([label, *(_bound(figures, kind, key) for key in keys), *empty]))
    return "\n".join([*lines, *_notes(figures, headers[0], keys[0])])
