"""The evidence of a phase: what the metrics look at beside the lists, from the split and the genres of the items."""

from __future__ import annotations

import numpy as np

from recbole_ext.data.interactions import TRAIN, Split
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence

__all__ = ["evidence_of"]


def evidence_of(
    split: Split,
    phase: int,
    users: np.ndarray,
    *,
    head_rule: str,
    genres: np.ndarray | None,
    mask_seen: bool,
    propensity_power: float = 0.5,
) -> Evidence:
    """The evidence of a phase, with lists of length 0: :meth:`Evidence.with_lists` adds those to measure.

    Args:
        split: All interactions and their phases.
        phase: ``VALID`` or ``TEST``: the phase whose interactions are held out.
        users: ``(U,) int64`` internal ids of the evaluated users.
        head_rule: A name of :data:`~recbole_ext.evaluator.groups.HEAD_RULES`.
        genres: ``(n_items, G)`` of 0 and 1; None where the data set names no genres.
        mask_seen: Whether items that a user had before are removed from the candidates.
        propensity_power: As in :class:`Evidence`.
    """
    counts = split.train_counts()
    (profile_start, profile_stop), trained = split.before(TRAIN + 1), split.period(TRAIN)
    return Evidence(
        items=np.zeros((len(users), 0), dtype=np.int64),
        counts=counts,
        groups=popularity_groups(counts, head_rule),
        n_users=int((trained[1] > trained[0])[1:].sum()),
        profiles=_items_in(split, profile_start[users], profile_stop[users]),
        held_out=_items_in(split, *(edge[users] for edge in split.targets(phase))),
        features=genres,
        mask_seen=mask_seen,
        propensity_power=propensity_power,
        seen=_items_in(split, *(edge[users] for edge in split.history(phase))),
    )


def _items_in(split: Split, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items of the interactions ``start:stop`` of each user, as ``(indptr, indices)``."""
    length = stop - start
    indptr = np.concatenate([[0], np.cumsum(length)])
    rows = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], length)
    return indptr, split.interactions.items[rows].astype(np.int64)
