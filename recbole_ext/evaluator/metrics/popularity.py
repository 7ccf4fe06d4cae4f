"""How popular the recommended items are, alone and against what the users chose themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbole_ext.errors import DataError
from recbole_ext.evaluator.groups import (
    PopularityGroups,
    UserGroups,
    checked_counts,
    popularity_thirds,
)
from recbole_ext.evaluator.metrics.coverage import checked_csr, checked_lists

__all__ = [
    "average_popularity",
    "item_novelty",
    "jensen_shannon",
    "mean_over_list",
    "mean_over_rows",
    "novelty",
    "popularity_calibration",
    "popularity_lift",
    "popularity_lift_by_group",
    "tail_share",
]

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def mean_over_list(items: Ints, values: npt.NDArray[Any]) -> Floats:
    """Mean of a value per item over each list.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        values: (n_items,) numbers; what stands at index 0 is ignored.

    Returns:
        (U,) float64; 0 for an empty list.
    """
    table = np.asarray(values, dtype=np.float64).copy()
    table[0] = 0.0
    lists = checked_lists(items, len(table))
    return table[lists].sum(axis=1) / np.maximum((lists > 0).sum(axis=1), 1)


def mean_over_rows(indptr: Ints, indices: Ints, values: npt.NDArray[Any]) -> Floats:
    """Mean of a value per item over each user's profile.

    Args:
        indptr: (U + 1,) row offsets of the profiles.
        indices: Item ids of all profiles.
        values: (n_items,) numbers.

    Returns:
        (U,) float64; 0 for an empty profile.
    """
    running = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64)[indices])])
    sums = running[indptr[1:]] - running[indptr[:-1]]
    return sums / np.maximum(np.diff(indptr), 1)


def checked_users(n_users: int) -> int:
    """The number of users, at least one.

    Raises:
        DataError: If it is smaller.
    """
    if n_users < 1:
        raise DataError(f"The number of users is {n_users}, but must be at least 1.")
    return int(n_users)


def tail_share(items: Ints, groups: PopularityGroups) -> Floats:
    """``TailShare`` (APLT) = |L_u, in T| / |L_u| (Abdollahpouri, Burke & Mobasher, RecSys 2017, FLAIRS 2019).

    The "long-tail exposure" of the literature; to be printed with ``groups.head_rule``.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        groups: Head and tail of the catalogue.

    Returns:
        (U,) float64 in [0, 1]; 0 for an empty list or an empty tail, 1 where all is tail.
    """
    return mean_over_list(items, groups.tail)


def average_popularity(items: Ints, counts: Ints, n_users: int | None = None) -> Floats:
    """``AvgPopularity`` (ARP) = mean over i in L_u of phi(i) (Yin et al., VLDB 2012).

    Args:
        items: (U, K) integers, 0 = no recommendation.
        counts: (n_items,) integers, training interactions phi per item id, index 0 = padding.
        n_users: Users in the training data, for the normalised form phi(i) / users; None = plain counts.

    Returns:
        (U,) float64, interactions, or interactions per user if normalised; 0 for an empty list.
    """
    means = mean_over_list(items, checked_counts(counts))
    return means if n_users is None else means / checked_users(n_users)


def item_novelty(counts: Ints, n_users: int) -> Floats:
    """- log2(phi(i) / users) per item, with phi at least 1.

    An item without training interactions counts as one with a single interaction, the most novel that
    the definition can measure; its own value would be infinite.

    Args:
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.
        n_users: Users in the training data.

    Returns:
        (n_items,) float64, bits; index 0 is 0. Below 0 only where repeats give an item more
        interactions than there are users.
    """
    bits = np.log2(checked_users(n_users)) - np.log2(np.maximum(checked_counts(counts), 1))
    bits[0] = 0.0
    return bits


def novelty(items: Ints, counts: Ints, n_users: int) -> Floats:
    """``Novelty`` (MIUF) = mean over i in L_u of - log2(phi(i) / users).

    Zhou et al., PNAS 2010 (mean self-information); Castells, Vargas & Wang 2011; RecTools.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        counts: (n_items,) integers, training interactions phi per item id, index 0 = padding.
        n_users: Users in the training data.

    Returns:
        (U,) float64, bits; 0 for an empty list.
    """
    return mean_over_list(items, item_novelty(counts, n_users))


def popularity_lift(
    items: Ints, counts: Ints, indptr: Ints, indices: Ints, users: npt.NDArray[np.bool_] | None = None
) -> float:
    """``PopularityLift`` = (GAP_rec - GAP_profile) / GAP_profile (Abdollahpouri et al., RecSys 2020).

    GAP = mean over users of the mean popularity phi of their list or profile. A ratio of two means, so
    it has no value per user.

    Args:
        items: (U, K) integers, 0 = no recommendation.
        counts: (n_items,) integers, training interactions phi per item id, index 0 = padding.
        indptr: (U + 1,) row offsets of the training profiles, repeats included.
        indices: Item ids of all training profiles.
        users: (U,) bool, the user group; None = all.

    Returns:
        Lift >= -1: 0 = as popular as the profiles, 1 = twice as popular. Users with an empty list or
        without training interactions are left out of both means; 0 if nobody remains.

    Raises:
        DataError: If the profiles hold only items that ``counts`` calls unseen.
    """
    phi = checked_counts(counts)
    lists = checked_lists(items, len(phi))
    pointer, entries = checked_csr(indptr, indices, len(lists), len(phi))
    kept = (np.diff(pointer) > 0) & (lists > 0).any(axis=1)
    if users is not None:
        kept &= users
    if not kept.any():
        return 0.0
    gap_profile = float(mean_over_rows(pointer, entries, phi)[kept].mean())
    if gap_profile <= 0:
        raise DataError(
            "The profiles hold only items without training interactions; give profiles and item counts "
            "of the same training data."
        )
    return float(mean_over_list(lists, phi)[kept].mean()) / gap_profile - 1.0


def popularity_lift_by_group(
    items: Ints, counts: Ints, indptr: Ints, indices: Ints, groups: UserGroups
) -> dict[str, float]:
    """``PopularityLift`` over all users and over each user group.

    Args:
        items: See ``popularity_lift``.
        counts: See ``popularity_lift``.
        indptr: See ``popularity_lift``.
        indices: See ``popularity_lift``.
        groups: Heavy and light users of the same rows.

    Returns:
        ``all``, ``heavy`` and ``light``; a group without users is left out.
    """
    lifts = {"all": popularity_lift(items, counts, indptr, indices)}
    for name, mask in groups.masks().items():
        lifts[name] = popularity_lift(items, counts, indptr, indices, mask)
    return lifts


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence in bits, row by row (Lin 1991): (KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2.

    Args:
        p: (U, C) shares, each row sums to 1.
        q: (U, C) shares, each row sums to 1.

    Returns:
        (U,) float64 in [0, 1]; the divergence, not its square root.
    """
    middle = (p + q) / 2

    def divergence(share: Floats) -> Floats:
        ratio = np.divide(share, middle, out=np.ones_like(share), where=share > 0)
        return (share * np.log2(ratio)).sum(axis=1)

    return np.clip((divergence(p) + divergence(q)) / 2, 0.0, 1.0)


def popularity_calibration(items: Ints, counts: Ints, indptr: Ints, indices: Ints) -> Floats:
    """``PopularityCalibration``: Jensen-Shannon divergence of head/mid/tail shares, profile against list.

    Abdollahpouri et al., UMAP 2021 (user popularity deviation); groups from ``popularity_thirds``, so
    the value does not depend on ``head_rule``. The paper averages over user groups; here it is kept per
    user (``group_means`` gives the groups).

    Args:
        items: (U, K) integers, 0 = no recommendation.
        counts: (n_items,) integers, training interactions per item id, index 0 = padding.
        indptr: (U + 1,) row offsets of the training profiles, repeats included.
        indices: Item ids of all training profiles.

    Returns:
        (U,) float64, bits in [0, 1], 0 = same shares. 0 too for a user with an empty list or without
        training interactions: there is nothing to deviate from.
    """
    thirds = popularity_thirds(counts)
    lists = checked_lists(items, len(thirds))
    pointer, entries = checked_csr(indptr, indices, len(lists), len(thirds))
    shares = [(thirds == group).astype(np.float64) for group in range(3)]
    in_list = np.stack([mean_over_list(lists, share) for share in shares], axis=1)
    in_profile = np.stack([mean_over_rows(pointer, entries, share) for share in shares], axis=1)
    known = (in_list.sum(axis=1) > 0) & (np.diff(pointer) > 0)
    return np.where(known, jensen_shannon(in_profile, in_list), 0.0)
