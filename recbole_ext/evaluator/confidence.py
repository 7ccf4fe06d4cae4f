"""How sure a figure is: bootstrap intervals over users, paired comparisons, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from recbole_ext.errors import ConfigError

__all__ = ["PairedDifference", "holm", "mean_interval", "paired_difference"]

_CHUNK = 2**22


def _bootstrap_means(values: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """``(samples,)`` means of resampled users."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(values))
    means = [
        values[rng.integers(0, len(values), (min(step, samples - start), len(values)))].mean(axis=1)
        for start in range(0, samples, step)
    ]
    return np.concatenate(means)


def mean_interval(
    values: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over users (Efron 1979).

    Args:
        values: ``(U,)`` one value for each user.
        level: Coverage, between 0 and 1.
        samples: Bootstrap samples.
        seed: Seed of the resampling.

    Raises:
        ConfigError: The level is not between 0 and 1, or there is no user.
    """
    if not 0 < level < 1:
        raise ConfigError(f"confidence is {level}: give a number between 0 and 1, such as 0.95")
    values = np.asarray(values, dtype=float)
    if not len(values):
        raise ConfigError("an interval over no user does not exist: check the split")
    if (values == values[0]).all():
        return float(values[0]), float(values[0])
    low, high = np.quantile(_bootstrap_means(values, samples, seed), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class PairedDifference:
    """Mean of ``a - b`` over the same users, its bootstrap interval and the p-value of a paired test."""

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> PairedDifference:
    """Compares two models on the same users.

    The test is Wilcoxon's signed-rank test with Pratt's treatment of zeros (Pratt 1959), as most users' values are
    equal at small K.

    Args:
        a, b: ``(U,)`` values of the two models, user by user.
        level, samples, seed: As in :func:`mean_interval`.

    Raises:
        ConfigError: The two do not have the same users.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise ConfigError(f"a paired comparison needs the same users: {a.shape} against {b.shape} values")
    difference = a - b
    low, high = mean_interval(difference, level=level, samples=samples, seed=seed)
    same = not difference.any()
    p_value = 1.0 if same else float(stats.wilcoxon(difference, zero_method="pratt", method="approx").pvalue)
    return PairedDifference(float(difference.mean()), low, high, p_value)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for multiple comparisons (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
