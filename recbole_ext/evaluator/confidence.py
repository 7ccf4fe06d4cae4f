"""How sure a figure is: bootstrap intervals over users, paired comparisons, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.difference import Difference, PairedDifference

__all__ = [
    "Difference",
    "PairedDifference",
    "differences",
    "holm",
    "mean_interval",
    "mean_intervals",
    "paired_difference",
]

_CHUNK = 2**22
_FLIPS = 100_000
_BLOCK = 8192  # flips at a time: their sums stay near the processor
_MOST_FLIPPED = 20_000
# Signs of each of 8 differences, one row a byte; their sums are looked up, which is faster than adding them up.
_SIGNS = 1.0 - 2.0 * (np.arange(256)[:, None] >> np.arange(8) & 1)
# Relative; sums that are equal may differ in their last digits, by the order in which they were added up.
_EQUAL = 1e-9


def _bootstrap_means(values: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """``(samples, M)`` means of the columns of ``(U, M)`` values over resampled users, the same for all columns."""
    rng, users = np.random.default_rng(seed), len(values)
    step = max(1, _CHUNK // users)
    means = []
    for start in range(0, samples, step):
        drawn = rng.integers(0, users, (min(step, samples - start), users))
        drawn += np.arange(len(drawn))[:, None] * users
        times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        means.append(times.astype(np.float64) @ values / users)
    return np.concatenate(means)


def mean_intervals(
    values: Mapping[str, np.ndarray], *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of means over the same users (Efron 1979).

    Args:
        values: Name to ``(U,)``, one value for each user.
        level: Coverage, between 0 and 1.
        samples: Bootstrap samples, the same for all names.
        seed: Seed of the resampling.

    Raises:
        ConfigError: The level is not between 0 and 1, or there is no user.
    """
    if not 0 < level < 1:
        raise ConfigError(f"confidence is {level}: give a number between 0 and 1, such as 0.95")
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in values.items()}
    if any(not len(column) for column in columns.values()):
        raise ConfigError("an interval over no user does not exist: check the split")
    varying = [name for name, column in columns.items() if (column != column[0]).any()]
    found = {name: (float(column[0]), float(column[0])) for name, column in columns.items()}
    if varying:
        means = _bootstrap_means(np.column_stack([columns[name] for name in varying]), samples, seed)
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
        found.update(zip(varying, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    return found


def mean_interval(
    values: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """:func:`mean_intervals` of one column ``(U,)``."""
    return mean_intervals({"": values}, level=level, samples=samples, seed=seed)[""]


def _all_sums(moved: np.ndarray) -> np.ndarray:
    """``(2 ** n,)`` sums of ``(n,)`` values under every choice of their signs."""
    sums = np.zeros(1)
    for value in moved:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(moved: np.ndarray, seed: int) -> np.ndarray:
    """``(_FLIPS,)`` sums of ``(n,)`` values under random signs."""
    random, sums = np.random.default_rng(seed), np.zeros(_FLIPS)
    eights = np.append(moved, np.zeros(-len(moved) % 8)).reshape(-1, 8)
    tables = eights @ _SIGNS.T  # (n / 8, 256)
    looked_up = np.empty(_BLOCK)
    for start in range(0, _FLIPS, _BLOCK):
        block = sums[start : start + _BLOCK]
        drawn = np.frombuffer(random.bytes(tables.shape[0] * len(block)), dtype=np.uint8)
        for table, signs in zip(tables, drawn.reshape(len(tables), -1), strict=True):
            block += np.take(table, signs.astype(np.intp), out=looked_up[: len(block)], mode="clip")
    return sums


def _sign_flip_p(difference: np.ndarray, seed: int) -> tuple[float, float]:
    """Two-sided p-value of the mean of ``(U,)`` differences when each of them may as well have the other sign.

    Returns:
        The p-value, and its standard error from drawing; 0 where nothing was drawn.
    """
    moved = difference[difference != 0]
    if len(moved) < 2:
        return 1.0, 0.0  # One difference is as far from zero with either sign.
    if len(moved) > _MOST_FLIPPED:
        # The flipped sum is normal by then, with this variance.
        return math.erfc(abs(float(moved.sum())) / math.sqrt(2 * float(moved @ moved))), 0.0
    least = abs(float(moved.sum())) - _EQUAL * float(np.abs(moved).sum())
    if 2 ** len(moved) <= _FLIPS:
        return float((np.abs(_all_sums(moved)) >= least).mean()), 0.0
    # The signs that were observed are one more draw, so that p is never 0 (Phipson and Smyth 2010).
    p = float((1 + np.count_nonzero(np.abs(_drawn_sums(moved, seed)) >= least)) / (1 + _FLIPS))
    return p, math.sqrt(p * (1 - p) / _FLIPS)


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> PairedDifference:
    """Compares two models on the same users.

    The test is Fisher's paired randomisation test of the mean (Fisher 1935; Smucker, Allan and Carterette, CIKM 2007):
    the signs of the differences are flipped at random 100,000 times, in each way once where there are fewer ways. With
    more than 20,000 differences the normal distribution that the flipped mean has by then replaces them.
    It asks for the mean, as the interval does. Wilcoxon's test asks for symmetric ranks instead: values averaged over
    seeds are small and many where those of a single run are large and few, and it calls such a pair different even
    when their means are equal.

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
    return PairedDifference(float(difference.mean()), low, high, *_sign_flip_p(difference, seed))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for multiple comparisons (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def differences(
    values: Mapping[str, np.ndarray], baseline: np.ndarray, *, level: float = 0.95
) -> dict[str, Difference]:
    """Several models against one baseline in one metric: a family of tests with Holm's correction.

    Args:
        values: Model to ``(U,)``, the same users for all.
        baseline: ``(U,)``.
        level: Coverage of the intervals; tests are made at one less it.
    """
    pairs = {name: paired_difference(column, baseline, level=level) for name, column in values.items()}
    p = np.array([pair.p_value for pair in pairs.values()])
    error = 2 * np.array([pair.p_error for pair in pairs.values()])
    adjusted = holm(p.tolist())
    surely, possibly = (holm((p + shift).tolist()) < 1 - level for shift in (error, -error))
    return {
        name: Difference(
            pair.mean,
            pair.low,
            pair.high,
            pair.p_value,
            float(adjusted[place]),
            bool(surely[place]),
            bool(possibly[place] and not surely[place]),
        )
        for place, (name, pair) in enumerate(pairs.items())
    }
