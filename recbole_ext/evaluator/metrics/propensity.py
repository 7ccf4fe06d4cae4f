"""Accuracy as if every item had been shown alike: held-out items weighted by inverse propensity.

Popular items are shown more often and so are held out more often: plain averages reward a model for popularity. With
p_i the chance that an item is observed, a held-out item counts 1 / p_i (Yang et al., RecSys 2018; Schnabel et al.,
ICML 2016). The chance is unknown; as in Yang et al. it follows a power of popularity: p_i = (φ(i) / max φ)^power, where
power = (γ + 1) / 2 in their terms, and an item without training interaction counts as if it had one. At power 0 every
figure is the plain one.

Compared with the code that Yang et al. published (github.com/ylongqi/unbiased-offline-recommender-evaluation,
``experiments_section_5``): the propensity is the same. Three things differ. They normalise inside each user and average
over users, which gives the plain figure where a user has one held-out item; here SNIPS is normalised over all users
together. They leave out held-out items without training interaction. And they weigh AUC and Recall; NDCG with the same
weights is ours.

Places are those of the lists, where equal scores stand by item id; the plain metrics average over their orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.evaluator.groups import checked_counts
from recbole_ext.evaluator.metrics.coverage import checked_csr

__all__ = ["inverse_propensity", "ndcg_ips", "ndcg_snips", "recall_ips", "recall_snips"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
_Parts = tuple[Floats, Floats]


def inverse_propensity(counts: Ints, power: float) -> Floats:
    """(max φ / φ(i))^power, at least 1, ``(n_items,)``.

    Args:
        counts: ``(n_items,)`` training interactions.
        power: At least 0.
    """
    popularity = np.maximum(checked_counts(counts), 1).astype(np.float64)
    return np.asarray((popularity.max() / popularity) ** power)


def _recall(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> _Parts:
    """Weighted recall of each list, and that of a list with every held-out item, both ``(U,)``."""
    n_users = len(items)
    indptr, indices = checked_csr(indptr, indices, n_users, len(counts))
    owners = np.repeat(np.arange(n_users), np.diff(indptr))
    weights = inverse_propensity(counts, power)[indices]
    found = (items[owners] == indices[:, None]).any(axis=1)
    total = np.maximum(np.diff(indptr), 1)
    reached = np.bincount(owners, weights=weights * found, minlength=n_users)
    return reached / total, np.bincount(owners, weights=weights, minlength=n_users) / total


def _ndcg(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> _Parts:
    """Weighted DCG of each list, and of the best one, both over the plain ideal DCG, ``(U,)``."""
    (n_users, k), width = items.shape, max(1, items.shape[1])
    indptr, indices = checked_csr(indptr, indices, n_users, len(counts))
    owners = np.repeat(np.arange(n_users), np.diff(indptr))
    weights = inverse_propensity(counts, power)[indices]
    gain = 1 / np.log2(np.arange(2, width + 2))
    found = items[owners] == indices[:, None]  # (T, K)
    at = np.where(found.any(axis=1), gain[found.argmax(axis=1)] if k else 0.0, 0.0)
    reached = np.bincount(owners, weights=weights * at, minlength=n_users)
    order = np.lexsort((-weights, owners))
    place = np.arange(len(owners)) - indptr[owners]
    best_gain = np.where(place < width, gain[np.minimum(place, width - 1)], 0.0)
    best = np.bincount(owners, weights=weights[order] * best_gain, minlength=n_users)
    ideal = np.bincount(owners, weights=best_gain, minlength=n_users)
    ideal = np.where(ideal > 0, ideal, 1.0)
    return reached / ideal, best / ideal


def recall_ips(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> Floats:
    """(1 / T_u) · sum over the held-out items i in the list of 1 / p_i, ``(U,)`` (Yang et al. 2018).

    Args:
        items: ``(U, K)`` lists, 0 = no item.
        counts: ``(n_items,)`` training interactions.
        indptr, indices: Held-out items of each list.
        power: Of popularity in the propensity.
    """
    return _recall(items, counts, indptr, indices, power)[0]


def ndcg_ips(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> Floats:
    """Sum over the held-out items i at place r of (1 / p_i) / log2(r + 1), over the plain ideal DCG, ``(U,)``.

    Args:
        items, counts, indptr, indices, power: As in :func:`recall_ips`.
    """
    return _ndcg(items, counts, indptr, indices, power)[0]


def recall_snips(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> float:
    """Mean of :func:`recall_ips` over that of lists with every held-out item, in [0, 1].

    Self-normalised (Swaminathan and Joachims, NeurIPS 2015), which needs no scale of the propensities and tames the
    variance. Normalised over all users together: inside each user it would change nothing where each has one held-out
    item.

    Args:
        items, counts, indptr, indices, power: As in :func:`recall_ips`.
    """
    return _ratio(_recall, items, counts, indptr, indices, power)


def ndcg_snips(items: Ints, counts: Ints, indptr: Ints, indices: Ints, power: float) -> float:
    """Mean of :func:`ndcg_ips` over that of the best lists, in [0, 1]; normalised as :func:`recall_snips`.

    Args:
        items, counts, indptr, indices, power: As in :func:`recall_ips`.
    """
    return _ratio(_ndcg, items, counts, indptr, indices, power)


def _ratio(parts: Callable[..., _Parts], *arguments: Any) -> float:
    reached, best = parts(*arguments)
    return float(reached.sum() / best.sum()) if best.sum() > 0 else 0.0
