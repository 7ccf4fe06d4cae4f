"""Accuracy of a list of K, a value for each user, from the places of the held-out items.

The definitions are RecBole's; without ties the values are equal to its own. Candidates with equal scores stand in
random order: a metric's value is its exact expectation over all orders, as ranking measures with ties are defined
(McSherry and Najork, ECIR 2008), not its value at the expected rank. The two differ where a tie crosses place K.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from recbole_ext.errors import ConfigError, nearest

__all__ = ["METRICS", "accuracy_per_user"]


@dataclass(frozen=True)
class _Ties:
    """Rows of equal scores that reach into the first K places: ``held`` of ``size`` candidates are held-out items.

    Attributes:
        first: ``(R,) int64`` first place of the row, from 1.
        size: ``(R,) int64`` candidates of equal score, at least 2.
        held: ``(R,) int64`` held-out items among them, at least 1.
        inside: ``(R,) int64`` places of the row that are within K, at least 1.
        ordinal: ``(R,) int64`` 1 + the user's held-out items with better scores.
    """

    first: np.ndarray
    size: np.ndarray
    held: np.ndarray
    inside: np.ndarray
    ordinal: np.ndarray

    def gained(self, gain: np.ndarray) -> np.ndarray:
        """``(R,)`` expected sum of ``gain (K,)``, one value a place, over the held-out items of each row."""
        upto = np.concatenate([[0.0], np.cumsum(gain)])
        return self.held / self.size * (upto[self.first - 1 + self.inside] - upto[self.first - 1])

    def first_found(self, gain: np.ndarray) -> np.ndarray:
        """``(R,)`` expected ``gain (K,)`` at the place of the first held-out item of each row, 0 beyond K."""
        expected, missed = np.zeros(len(self.first)), np.ones(len(self.first))
        for place in range(int(self.inside.max())):
            # Of the candidates left, all held-out ones are still there as long as none was met.
            inside, left = place < self.inside, np.maximum(self.size - place, 1)
            here = np.minimum(self.held / left, 1.0)
            at = np.minimum(self.first + place, len(gain)) - 1
            expected += np.where(inside, missed * here * gain[at], 0.0)
            missed *= 1 - here
        return expected


@dataclass(frozen=True)
class _Targets:
    """Held-out items by user, then place; those of one user with the same score are one row.

    Attributes:
        ranks: ``(R,)`` the first place that the row's score can have, from 1; infinity = no place.
        users: ``(R,) int64``.
        ordinal: ``(R,) int64`` 1 + the user's held-out items in earlier rows.
        held: ``(R,) int64`` held-out items of the row.
        ties: ``(R,) int64`` candidates with the row's score, 1 = none but the item itself.
        total: ``(U,) int64`` held-out items.
    """

    ranks: np.ndarray
    users: np.ndarray
    ordinal: np.ndarray
    held: np.ndarray
    ties: np.ndarray
    total: np.ndarray

    def summed(self, alone: np.ndarray, tied: Callable[[_Ties], np.ndarray], k: int) -> np.ndarray:
        """``(U,)`` sum over the rows that reach into the first k places.

        Args:
            alone: ``(R,)`` value of a row of one candidate, or one for all rows.
            tied: Expected values of rows of several candidates.
            k: Length of the list.
        """
        values = np.where(self.ranks <= k, alone, 0.0)
        several = np.flatnonzero((self.ties > 1) & (self.ranks <= k))
        if len(several):
            first, size = self.ranks[several].astype(np.int64), self.ties[several]
            inside = np.minimum(size, k + 1 - first)
            held = np.minimum(self.held[several], size)
            values[several] = tied(_Ties(first, size, held, inside, self.ordinal[several]))
        return np.bincount(self.users, weights=values, minlength=len(self.total))


def _found(targets: _Targets, k: int) -> np.ndarray:
    return targets.summed(np.ones(()), lambda ties: ties.gained(np.ones(k)), k)


def recall(targets: _Targets, k: int) -> np.ndarray:
    """Held-out items that were found, over all held-out items."""
    return _found(targets, k) / targets.total


def precision(targets: _Targets, k: int) -> np.ndarray:
    """Held-out items that were found, over K."""
    return _found(targets, k) / k


def _at_first(targets: _Targets, alone: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """``(U,)`` gain at the place of the first held-out item, which stands in the user's first row."""
    leads = targets.ordinal == 1
    return targets.summed(
        np.where(leads, alone, 0.0),
        lambda ties: np.where(ties.ordinal == 1, ties.first_found(gain), 0.0),
        len(gain),
    )


def hit(targets: _Targets, k: int) -> np.ndarray:
    """1 where at least one held-out item was found; among ties the probability of that."""
    return _at_first(targets, np.ones(()), np.ones(k))


def mrr(targets: _Targets, k: int) -> np.ndarray:
    """Reciprocal rank of the first held-out item, 0 where none is within K (Voorhees 1999)."""
    return _at_first(targets, 1 / targets.ranks, 1 / np.arange(1, k + 1))


def ndcg(targets: _Targets, k: int) -> np.ndarray:
    """Sum of 1 / log2(rank + 1), over that of the best list (Järvelin and Kekäläinen 2002)."""
    gain = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(gain)])
    found = targets.summed(1 / np.log2(targets.ranks + 1), lambda ties: ties.gained(gain), k)
    return found / ideal[np.minimum(targets.total, k)]


def average_precision(targets: _Targets, k: int) -> np.ndarray:
    """Sum of the precision at each held-out item's rank, over the most that could be found within K."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, k + 1))])

    def tied(ties: _Ties) -> np.ndarray:
        # At the i-th place of a row that starts behind place a, E[relevant · (relevant up to here)] is
        # held / size · (ordinal + (i - 1) (held - 1) / (size - 1)), and i - 1 = (a + i) - (a + 1).
        reciprocal = harmonic[ties.first - 1 + ties.inside] - harmonic[ties.first - 1]
        earlier = (ties.held - 1) / (ties.size - 1) * (ties.inside - ties.first * reciprocal)
        return ties.held / ties.size * (ties.ordinal * reciprocal + earlier)

    return targets.summed(targets.ordinal / targets.ranks, tied, k) / np.minimum(targets.total, k)


METRICS: Mapping[str, Callable[[_Targets, int], np.ndarray]] = MappingProxyType(
    {"recall": recall, "mrr": mrr, "ndcg": ndcg, "hit": hit, "precision": precision, "map": average_precision}
)


def _targets(ranks: np.ndarray, ties: np.ndarray, users: np.ndarray, n_users: int) -> _Targets:
    order = np.lexsort((ranks, users))
    ranks, ties, users = ranks[order], ties[order], users[order]
    total = np.bincount(users, minlength=n_users)
    ordinal = np.arange(len(users)) - np.repeat(np.cumsum(total) - total, total) + 1
    # As many candidates are better than one score as than another only where the two are equal.
    starts = np.flatnonzero(
        np.append(True, (users[1:] != users[:-1]) | (ranks[1:] != ranks[:-1]))[: len(users)]
    )
    held = np.diff(np.append(starts, len(users)))
    return _Targets(ranks[starts], users[starts], ordinal[starts], held, ties[starts], total)


def accuracy_per_user(
    ranks: np.ndarray,
    users: np.ndarray,
    n_users: int,
    topk: Sequence[int],
    metrics: Sequence[str],
    ties: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Values of each metric at each K for each user, expected over the orders of candidates with equal scores.

    Args:
        ranks: ``(T,)`` 1 + the number of candidates with a better score than each held-out item; infinity = no
            candidate, or below every list asked for.
        users: ``(T,) int64`` its user, from 0 to ``n_users - 1``; every user has at least one.
        n_users: Number of users U.
        topk: The values of K.
        metrics: Names of :data:`METRICS`, in any case.
        ties: ``(T,) int64`` number of candidates with the item's score, itself among them; None = no ties.

    Returns:
        ``{"ndcg@10": (U,) float64, ...}`` in the order of the metrics, then of K.

    Raises:
        ConfigError: A metric is unknown.
    """
    ranks, users = np.asarray(ranks, dtype=float), np.asarray(users)
    targets = _targets(ranks, np.ones(len(ranks), dtype=np.int64) if ties is None else ties, users, n_users)
    values = {}
    for name in metrics:
        function = METRICS.get(name.lower())
        if function is None:
            raise ConfigError(f"metric {name!r} is unknown{nearest(name, METRICS)}")
        for k in topk:
            values[f"{name.lower()}@{k}"] = function(targets, k)
    return values
