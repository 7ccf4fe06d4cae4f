"""Accuracy of a list of K, a value for each user, from the ranks of the held-out items.

The definitions are RecBole's; without ties the values are equal to its own. Among ties a rank is an expected rank
and may be fractional: a target counts where its rank is at most K.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from recbole_ext.errors import ConfigError, nearest

__all__ = ["METRICS", "accuracy_per_user"]


@dataclass(frozen=True)
class _Targets:
    """Held-out items of all users: ``ranks (T,)`` ascending inside a user, ``users (T,)``, targets ``(U,)``."""

    ranks: np.ndarray
    users: np.ndarray
    ordinal: np.ndarray
    total: np.ndarray

    def summed(self, values: np.ndarray, k: int) -> np.ndarray:
        """``(U,)`` sum over the targets within the first k places."""
        return np.bincount(
            self.users, weights=np.where(self.ranks <= k, values, 0.0), minlength=len(self.total)
        )


def recall(targets: _Targets, k: int) -> np.ndarray:
    """Held-out items that were found, over all held-out items."""
    return targets.summed(np.ones(len(targets.ranks)), k) / targets.total


def precision(targets: _Targets, k: int) -> np.ndarray:
    """Held-out items that were found, over K."""
    return targets.summed(np.ones(len(targets.ranks)), k) / k


def hit(targets: _Targets, k: int) -> np.ndarray:
    """1 where at least one held-out item was found."""
    return (targets.summed(np.ones(len(targets.ranks)), k) > 0).astype(float)


def mrr(targets: _Targets, k: int) -> np.ndarray:
    """Reciprocal rank of the first held-out item, 0 where none is within K (Voorhees 1999)."""
    return targets.summed(np.where(targets.ordinal == 1, 1 / targets.ranks, 0.0), k)


def ndcg(targets: _Targets, k: int) -> np.ndarray:
    """Sum of 1 / log2(rank + 1), over that of the best list (Järvelin and Kekäläinen 2002)."""
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    return targets.summed(1 / np.log2(targets.ranks + 1), k) / ideal[np.minimum(targets.total, k)]


def average_precision(targets: _Targets, k: int) -> np.ndarray:
    """Sum of the precision at each held-out item's rank, over the most that could be found within K."""
    return targets.summed(targets.ordinal / targets.ranks, k) / np.minimum(targets.total, k)


METRICS: Mapping[str, Callable[[_Targets, int], np.ndarray]] = MappingProxyType(
    {"recall": recall, "mrr": mrr, "ndcg": ndcg, "hit": hit, "precision": precision, "map": average_precision}
)


def accuracy_per_user(
    ranks: np.ndarray, users: np.ndarray, n_users: int, topk: Sequence[int], metrics: Sequence[str]
) -> dict[str, np.ndarray]:
    """Values of each metric at each K for each user.

    Args:
        ranks: ``(T,) float`` rank of each held-out item, from 1; infinity = no candidate.
        users: ``(T,) int64`` its user, from 0 to ``n_users - 1``; every user has at least one.
        n_users: Number of users U.
        topk: The values of K.
        metrics: Names of :data:`METRICS`, in any case.

    Returns:
        ``{"ndcg@10": (U,) float64, ...}`` in the order of the metrics, then of K.

    Raises:
        ConfigError: A metric is unknown.
    """
    order = np.lexsort((ranks, users))
    ranks, users = np.asarray(ranks, dtype=float)[order], np.asarray(users)[order]
    total = np.bincount(users, minlength=n_users)
    ordinal = np.arange(len(users)) - np.repeat(np.cumsum(total) - total, total) + 1
    targets = _Targets(ranks, users, ordinal, total)
    values = {}
    for name in metrics:
        function = METRICS.get(name.lower())
        if function is None:
            raise ConfigError(f"metric {name!r} is unknown{nearest(name, METRICS)}")
        for k in topk:
            values[f"{name.lower()}@{k}"] = function(targets, k)
    return values
