"""Which windows share a batch: drawn at random, or of like length so that few places stay empty."""

from __future__ import annotations

import numpy as np

__all__ = ["batches_by_length", "batches_in_order"]

_BATCHES_A_POOL = 128


def batches_in_order(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cuts examples ``(n,)`` into batches of ``size``; the last one may be smaller."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def batches_by_length(
    length: np.ndarray, targets: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draws batches of windows of like length, each with about as many targets as the others.

    The windows are shuffled and dealt into pools of 128 batches. A pool is sorted by length, equal lengths in random
    order, and cut where its targets divide into equal parts; then the batches of all pools are shuffled. So there are
    as many batches as with ``size`` windows in each, a target weighs alike whatever the length of its history, and
    which windows meet is drawn anew each time.

    Args:
        length: ``(n,) int64`` items in each window.
        targets: ``(n,) int64`` targets in each window, at least 1.
        size: Windows in a batch, on average.
        rng: Its stream decides everything.

    Returns:
        Row numbers of the windows by batch, no batch empty.
    """
    batches = -(-len(length) // size)
    pools = -(-batches // _BATCHES_A_POOL)
    found: list[np.ndarray] = []
    parts = [len(part) for part in np.array_split(np.arange(batches), pools)]
    for pool, number in zip(np.array_split(rng.permutation(len(length)), pools), parts, strict=True):
        ordered = pool[np.argsort(length[pool], kind="stable")]
        found += np.split(ordered, _cuts(targets[ordered], number))
    return [found[place] for place in rng.permutation(batches)]


def _cuts(targets: np.ndarray, parts: int) -> np.ndarray:
    """``(parts - 1,)`` places that cut ``(n,)`` windows into ``parts`` of nearly equal sums, none empty; parts <= n."""
    wanted = targets.sum() * np.arange(1, parts) / parts
    place = np.searchsorted(np.cumsum(targets) - targets / 2, wanted)
    number = np.arange(1, parts)
    return np.minimum(
        np.maximum.accumulate(np.maximum(place - number, 0)) + number, len(targets) - parts + number
    )
