"""Which data a run was trained on, as one string."""

from __future__ import annotations

import hashlib

import numpy as np

from recbole_ext.data.interactions import Split

__all__ = ["fingerprint"]


def fingerprint(split: Split) -> str:
    """SHA-256 of the ordered, split interactions: a checkpoint is evaluated on the data it was trained on."""
    data = split.interactions
    digest = hashlib.sha256()
    for array in (data.indptr, data.items, data.times, split.phase):
        digest.update(np.ascontiguousarray(array).data)
    digest.update("\n".join((*data.user_tokens, "", *data.item_tokens)).encode())
    return digest.hexdigest()
