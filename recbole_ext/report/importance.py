"""Which parameter of a search goes along with its values, and how much of that chance alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["by_chance", "explained", "varied"]

Floats = npt.NDArray[np.float64]


def _classes(column: pl.Series) -> npt.NDArray[Any] | None:
    """Halves to quarters of a number, of four trials or more each, or the choices; None where they are too many."""
    n = len(column)
    if column.dtype.is_numeric() and column.n_unique() > 4:
        numbers = column.to_numpy().astype(float)
        groups = min(max(n // 4, 2), 4)
        return np.searchsorted(np.quantile(numbers, np.linspace(0, 1, groups + 1)[1:-1]), numbers)
    return column.cast(pl.String).rank("dense").to_numpy() if 2 * column.n_unique() <= n else None


def _shares(values: Floats, classes: npt.NDArray[Any]) -> Floats:
    """Epsilon squared of each row of ``values``, not below 0; Kelley 1935."""
    n, members = values.shape[1], np.unique(classes)[:, None] == classes
    centred = values - values.mean(axis=1, keepdims=True)
    between = ((centred @ members.T) ** 2 / members.sum(axis=1)).sum(axis=1)
    left = 1 - between / (centred**2).sum(axis=1)
    return np.maximum(1 - left * (n - 1) / (n - len(members)), 0.0)


def _grouped(trials: pl.DataFrame, value: str, parameters: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    if len(trials) < 2 or trials[value].n_unique() < 2:
        return {}
    found = {name: _classes(trials[name]) for name in varied(trials, parameters)}
    return {name: classes for name, classes in found.items() if classes is not None}


def explained(trials: pl.DataFrame, value: str, parameters: Sequence[str]) -> dict[str, float]:
    """Share of the variance of ``value`` that goes along with the groups of each parameter, largest first.

    It is epsilon squared of a one-way analysis of variance, between 0 and 1: eta squared less what chance gives on
    average, since groups of a few trials differ anyway. Parameters are looked at one by one.

    Args:
        trials: One row a finished trial.
        value: Column of the value.
        parameters: Columns of what was searched.
    """
    y = trials[value].to_numpy().astype(float)[None, :]
    shares = {
        name: float(_shares(y, groups)[0]) for name, groups in _grouped(trials, value, parameters).items()
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def by_chance(trials: pl.DataFrame, value: str, parameters: Sequence[str], repeats: int = 999) -> float:
    """What the largest share of :func:`explained` passes in one of twenty searches whose parameters do nothing.

    Args:
        trials, value, parameters: As for :func:`explained`.
        repeats: How often the values are dealt to the trials anew.
    """
    y = trials[value].to_numpy().astype(float)
    dealt = np.random.default_rng(0).permuted(np.tile(y, (repeats, 1)), axis=1)
    largest = [_shares(dealt, groups) for groups in _grouped(trials, value, parameters).values()]
    return float(np.quantile(np.max(largest, axis=0), 0.95)) if largest else 0.0


def varied(done: pl.DataFrame, parameters: Sequence[str]) -> list[str]:
    """Parameters that every trial has and that are not the same in all."""
    return [name for name in parameters if not done[name].null_count() and done[name].n_unique() > 1]
