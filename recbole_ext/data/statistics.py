"""Statistics of a data set: size, sparsity, concentration, head and tail."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.data.interactions import TEST, TRAIN, VALID, Split
from recbole_ext.evaluator.groups import HEAD_RULES, popularity_groups
from recbole_ext.evaluator.metrics.concentration import gini_of_counts

__all__ = ["cold_groups", "cold_shares", "dataset_statistics"]


def dataset_statistics(split: Split) -> dict[str, Any]:
    """Computes the statistics of a split data set, without padding, as plain data."""
    data = split.interactions
    users, items = data.n_users - 1, data.n_items - 1
    counts = split.train_counts()
    groups = {rule: popularity_groups(counts, rule) for rule in HEAD_RULES}
    return {
        "users": users,
        "items": items,
        "interactions": len(data),
        "dropped_by_filter": data.dropped,
        "sparsity": 1 - len(data) / (users * items),
        "train": int((split.phase == TRAIN).sum()),
        "validation": int((split.phase == VALID).sum()),
        "test": int((split.phase == TEST).sum()),
        "median_interactions_per_user": float(np.median(np.diff(data.indptr)[1:])),
        "median_interactions_per_item": float(np.median(np.bincount(data.items, minlength=items + 1)[1:])),
        "popularity_gini": gini_of_counts(counts[1:]),
        "items_without_training_interactions": int((counts[1:] == 0).sum()),
        "head_items": {rule: group.n_head for rule, group in groups.items()},
        "tail_items": {rule: group.n_tail for rule, group in groups.items()},
        "users_decided_by_tie_break": split.tie_share,
        **cold_shares(split),
    }


def cold_shares(split: Split) -> dict[str, float]:
    """What the test asks of users and items that were unknown before it, as shares.

    Returns:
        ``cold_users``, of the users with a test target: those without an interaction before the test period.
        ``cold_targets``, of the test targets: those whose item has no training interaction.
    """
    items = split.interactions.items[split.target_rows(TEST)]
    users = split.users_with_targets(TEST)
    return {
        "cold_users": len(split.cold_users(TEST)) / max(1, len(users)),
        "cold_targets": float((split.train_counts()[items] == 0).mean()) if len(items) else 0.0,
    }


def cold_groups(split: Split, users: np.ndarray) -> dict[str, np.ndarray]:
    """Users of the test by what was unknown before it; a pair of which one holds nobody is left out.

    Args:
        split: The split.
        users: ``(U,) int64`` evaluated users.

    Returns:
        Name to ``(U,) bool``: ``cold_users`` have no interaction before the test period, ``warm_users`` have;
        of ``cold_targets`` no held-out item has a training interaction, of ``warm_targets`` all have.
    """
    cold_user = np.isin(users, split.cold_users(TEST))
    start, stop = (edge[users] for edge in split.targets(TEST))
    unknown = np.concatenate([[0], np.cumsum(split.train_counts()[split.interactions.items] == 0)])
    share = (unknown[stop] - unknown[start]) / np.maximum(stop - start, 1)
    found = {"users": (cold_user, ~cold_user), "targets": (share == 1, share == 0)}
    return {
        f"{kind}_{of}": mask
        for of, pair in found.items()
        if all(mask.any() for mask in pair)
        for kind, mask in zip(("cold", "warm"), pair, strict=True)
    }
