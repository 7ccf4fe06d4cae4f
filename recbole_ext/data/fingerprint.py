"""A fingerprint of the data that a run was trained on."""

from __future__ import annotations

import hashlib

import numpy as np

from recbole_ext.data.interactions import Split

__all__ = ["fingerprint"]


def fingerprint(split: Split) -> str:
    """Returns the SHA-256 of the ordered, split interactions, which ties a checkpoint to its data."""
    data = split.interactions
    digest = hashlib.sha256()
    for array in (data.indptr, data.items, data.times, split.phase):
        digest.update(np.ascontiguousarray(array).data)
    if split.kept != "all":
        digest.update(split.kept.encode())
    digest.update("\n".join((*data.user_tokens, "", *data.item_tokens)).encode())
    return digest.hexdigest()
