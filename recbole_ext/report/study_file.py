"""The rows of a comparison as a study has written them to ``comparison.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_ext.errors import CheckpointError
from recbole_ext.model.registry import family_of
from recbole_ext.report.comparison import (
    Comparison,
    Difference,
    Estimate,
    Row,
    compare_runs,
    level_of,
    with_best,
)
from recbole_ext.report.inputs import Inputs, Run

__all__ = ["from_study", "read_comparison"]


def _estimate(entry: Any) -> Estimate:
    if not isinstance(entry, Mapping):
        return Estimate(float(entry))
    return Estimate(float(entry["mean"]), entry.get("low"), entry.get("high"), entry.get("sd_over_seeds"))


def _difference(entry: Mapping[str, Any], level: float) -> Difference:
    p = float(entry.get("p", 1.0))
    adjusted = float(entry.get("p_holm", p))
    return Difference(
        float(entry["mean"]),
        float(entry["low"]),
        float(entry["high"]),
        p,
        adjusted,
        bool(entry.get("significant", adjusted < 1 - level)),
    )


def _keyed(entries: Mapping[str, Any], k: int) -> dict[str, Any]:
    """Names in lower case and with K, whether or not the study has written it."""
    return {(name if "@" in name else f"{name}@{k}").lower(): value for name, value in entries.items()}


def _row(entry: Mapping[str, Any], k: int, level: float, runs: Sequence[Run]) -> Row:
    groups = {
        name: (Estimate(float(group["ndcg"]), group.get("low"), group.get("high")), int(group.get("n", 0)))
        for name, group in (entry.get("groups") or {}).items()
        if isinstance(group, Mapping) and group.get("ndcg") is not None
    }
    seeds = entry.get("seeds", ())
    return Row(
        str(entry["model"]),
        family_of(str(entry["model"])),
        tuple(seeds) if isinstance(seeds, list | tuple) else (seeds,),
        {name: _estimate(value) for name, value in _keyed(entry["metrics"], k).items()},
        {
            name: _difference(value, level)
            for name, value in _keyed(entry.get("difference") or {}, k).items()
            if value
        },
        groups,
        entry.get("seconds_training"),
        entry.get("parameters"),
        entry.get("users_per_second"),
        entry.get("best_epoch"),
        dict(entry.get("tuned") or {}),
        tuple(run for run in runs if run.model == entry["model"]),
    )


def from_study(content: Mapping[str, Any], runs: Sequence[Run], file: Path) -> Comparison:
    """The comparison of a study; bounds and number of users come from its runs where those are there.

    Raises:
        CheckpointError: The file lacks a part.
    """
    first: Mapping[str, Any] = runs[0].metrics if runs else {}
    try:
        protocol = dict(content.get("protocol") or first.get("protocol") or {})
        k = int(protocol.get("shown_k") or protocol.get("k") or 10)
        rows = [_row(entry, k, level_of(protocol), runs) for entry in content["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file} lacks or spoils {error}: run the comparison again") from error
    if not rows:
        raise CheckpointError(f"{file} has no row: run the comparison again")
    users = first.get("users", {}).get("test") or protocol.get("users")
    return Comparison(
        tuple(sorted(rows, key=lambda row: -(row.mean(f"ndcg@{k}") or 0))),
        content.get("baseline"),
        k,
        str(first.get("dataset") or protocol.get("dataset") or "the data set"),
        {**first.get("protocol", {}), **protocol},
        first.get("test_bounds") or content.get("bounds") or {},
        users if isinstance(users, int) else None,
        str(content.get("title") or ""),
        str(content.get("command") or ""),
        str(content.get("created") or ""),
        dict(content.get("tuning") or {}),
    )


def read_comparison(inputs: Inputs) -> Comparison:
    """The comparison of a report: the study's own where there is one, else computed from the runs."""
    if inputs.study is None or inputs.study_file is None:
        return compare_runs(inputs.runs)
    return with_best(from_study(inputs.study, inputs.runs, inputs.study_file))
