"""How a search is worded: its aims, its settings, and which of its trials count."""

from __future__ import annotations

from typing import Any

import polars as pl

from recbole_ext.report.wording import METRIC_NAMES
from recbole_ext.runs.results import Objective
from recbole_ext.runs.trials import Trials

__all__ = ["as_number", "axis_label", "different_trials", "shown_name"]


def shown_name(objective: Objective) -> str:
    """The name of the metric in the rest of the report."""
    metric, at, k = objective.name.partition("@")
    return f"{METRIC_NAMES.get(metric.lower(), metric)}{at}{k}"


def axis_label(objective: Objective) -> str:
    """The aim on an axis, and which direction of it is better."""
    return f"{shown_name(objective)} on validation ({'more' if objective.bigger else 'less'} is better)"


def different_trials(trials: Trials) -> pl.DataFrame:
    """The finished trials without repetitions of settings already tried, which copy their values."""
    return trials.finished.filter(pl.col("same_as").is_null())


def as_number(value: Any) -> float | None:
    """The value of a parameter as a number; None for one that has no order."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
