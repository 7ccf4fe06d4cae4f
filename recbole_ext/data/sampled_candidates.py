"""Sampled candidates: a few items, drawn once, among which a held-out item is ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.data.interactions import Split
from recbole_ext.errors import DataError

__all__ = ["SampledCandidates", "candidates_of", "sampled_candidates"]

_KEYS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class SampledCandidates:
    """Items that each user of a phase did not have before it, nor has held out in it.

    Attributes:
        users: ``(U,) int64`` ascending internal ids.
        items: ``(U, n) int64`` internal item ids, distinct in each row.
    """

    users: np.ndarray
    items: np.ndarray

    def of(self, users: np.ndarray) -> np.ndarray:
        """``(B, n) int64`` items of users ``(B,)``."""
        return np.asarray(self.items[np.searchsorted(self.users, users)])


def sampled_candidates(split: Split, phase: int, kind: str, n: int, seed: int) -> SampledCandidates:
    """Draws n items for each evaluated user of a phase, without replacement (He et al., WWW 2017).

    The draw depends on the data, the phase and the seed alone, so that every model ranks the same items. With
    weights w, an item's key is E / w with E exponential, and the n smallest keys are taken: a draw one after the
    other, each in proportion to the weights of what is left (Efraimidis and Spirakis 2006).

    Args:
        split: All interactions and their phases.
        phase: ``VALID`` or ``TEST``.
        kind: ``uniform``, or ``popularity``: in proportion to training interactions.
        n: Items a user.
        seed: Of the draw.

    Raises:
        DataError: A user has fewer than n items that can be drawn.
    """
    data, users = split.interactions, split.evaluated_users(phase)
    counts = split.train_counts()
    weights = np.where(counts > 0, counts, 0.0) if kind == "popularity" else np.ones(data.n_items)
    weights[0] = 0
    start, stop = split.history(phase)[0], split.targets(phase)[1]
    rng = np.random.default_rng([seed, phase])
    drawn = np.empty((len(users), n), dtype=np.int64)
    step = max(1, _KEYS_AT_ONCE // data.n_items)
    for begin in range(0, len(users), step):
        block = users[begin : begin + step]
        keys = rng.standard_exponential((len(block), data.n_items))
        keys = np.divide(keys, weights, out=np.full_like(keys, np.inf), where=weights > 0)
        length = stop[block] - start[block]
        rows = np.repeat(np.arange(len(block)), length)
        at = np.arange(length.sum()) + np.repeat(start[block] - np.cumsum(length) + length, length)
        keys[rows, data.items[at]] = np.inf
        left = np.isfinite(keys).sum(axis=1)
        if (left < n).any():
            least = int(left.argmin())
            raise DataError(
                f"candidates asks for {n} items that a user has not had, but user "
                f"{data.user_tokens[block[least]]} leaves {left[least]} to draw ({kind}): lower n"
            )
        drawn[begin : begin + step] = np.argpartition(keys, n - 1, axis=1)[:, :n]
    return SampledCandidates(users, drawn)


def _cold(split: Split, phase: int, longest: int) -> SampledCandidates:
    """The items without training interaction, the same for every user.

    Raises:
        DataError: There are fewer than the longest list holds.
    """
    items = np.flatnonzero(split.train_counts()[1:] == 0) + 1
    if len(items) < longest:
        raise DataError(
            f"candidates: {{kind: cold}} leaves {len(items)} items to rank, but topk asks for {longest}: lower topk, "
            "or hold out more items with split_ratio"
        )
    users = split.evaluated_users(phase)
    return SampledCandidates(users, np.broadcast_to(items, (len(users), len(items))))


def candidates_of(config: Any, split: Split, phase: int) -> SampledCandidates | None:
    """The candidates of a configuration; None where the whole catalogue is ranked."""
    block = config["candidates"]
    if block is None:
        return None
    if block["kind"] == "cold":
        return _cold(split, phase, max(config["topk"]))
    return sampled_candidates(split, phase, block["kind"], block["n"], block["seed"])
