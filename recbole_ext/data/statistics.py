"""What a data set looks like: size, sparsity, concentration, head and tail."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.data.interactions import TEST, TRAIN, VALID, Split

__all__ = ["dataset_statistics", "gini", "head_size"]


def gini(counts: np.ndarray) -> float:
    """Gini coefficient of non-negative counts ``(n,)``: 0 = all equal, towards 1 = all in one."""
    ordered = np.sort(np.asarray(counts, dtype=float))
    n, total = len(ordered), ordered.sum()
    if n == 0 or total == 0:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def head_size(counts: np.ndarray, rule: str) -> int:
    """Number of head items under a head rule.

    Args:
        counts: ``(n,)`` training interactions of each item, no padding.
        rule: ``interactions_80``, ``interactions_20`` or ``items_20``.
    """
    kind, percent = rule.split("_")
    if kind == "items":
        return int(np.ceil(len(counts) * int(percent) / 100))
    ordered = np.sort(counts)[::-1]
    return int(np.searchsorted(np.cumsum(ordered), ordered.sum() * int(percent) / 100) + 1)


def dataset_statistics(split: Split) -> dict[str, Any]:
    """Figures of a split data set, all without padding, as plain data."""
    data = split.interactions
    users, items = data.n_users - 1, data.n_items - 1
    counts = split.train_counts()[1:]
    heads = {rule: head_size(counts, rule) for rule in ("interactions_80", "interactions_20", "items_20")}
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
        "popularity_gini": gini(counts),
        "items_without_training_interactions": int((counts == 0).sum()),
        "head_items": heads,
        "tail_items": {rule: items - size for rule, size in heads.items()},
        "users_decided_by_tie_break": split.tie_share,
    }
