"""How unevenly the lists share their exposure among the items of the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.evaluator.metrics.coverage import exposure_counts

__all__ = ["entropy", "gini", "gini_of_counts"]

Ints = npt.NDArray[np.integer[Any]]


def gini(items: Ints, n_items: int) -> float:
    """``Gini`` of the exposure counts x over I (Gini 1912; Shani & Gunawardana 2011).

    G = sum_j (2j - n - 1) x_(j) / (n sum x), x_(1) <= ... <= x_(n), n = |I|. Items that no list shows
    count as 0. RecBole's ``GiniIndex`` counts padding as one more item; this one does not.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        n_items: Number of internal ids, padding included, so |I| = n_items - 1.

    Returns:
        Value in [0, 1 - 1/n]: 0 = every item shown equally often; 0 too without any recommendation.
    """
    return gini_of_counts(exposure_counts(items, n_items)[1:])


def gini_of_counts(counts: Ints) -> float:
    """Gini coefficient of non-negative integer counts ``(n,)``; 0 where all are 0."""
    ordered = np.sort(counts)
    n, total = len(ordered), int(ordered.sum())
    if total == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * ordered).sum() / (n * total))


def entropy(items: Ints, n_items: int) -> float:
    """``Entropy`` of the exposure over I in bits (Shannon 1948; Adomavicius & Kwon, TKDE 2012).

    H = - sum_i q_i log2 q_i with q_i = share of all shown positions that hold item i, 0 log 0 = 0.
    RecBole's ``ShannonEntropy`` uses the natural logarithm and divides by the number of distinct
    recommended items; this is the standard definition.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        n_items: Number of internal ids, padding included.

    Returns:
        Bits in [0, log2 |I|]; 0 without any recommendation.
    """
    exposure = exposure_counts(items, n_items)
    shown = exposure[exposure > 0]
    if len(shown) <= 1:
        return 0.0
    share = shown / shown.sum()
    return float(-(share * np.log2(share)).sum())
