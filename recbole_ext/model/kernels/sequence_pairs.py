"""Counts of item pairs in sequences, weighted by the distance between the items and computed in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp

from recbole_ext.model.kernels.largest_rows import LargestRows

__all__ = ["DISTANCE_WEIGHTS", "count_pairs", "distance_weight", "item_blocks", "sequence_pairs"]

DISTANCE_WEIGHTS = ("linear", "inverse", "exponential", "quadratic", "flat")
"""The functions by which a weight decays with distance."""

# Size of one block, in float64 numbers: small enough for the CPU cache to help, large enough for few calls.
_BLOCK_ELEMENTS = 1 << 22
_BLOCK_PAIRS = 1 << 21


def distance_weight(
    kind: str, distance: np.ndarray, span: np.ndarray | float, decay: float = 0.0
) -> np.ndarray:
    """Computes the weight f(d) of distances d of at least 1; f(1) = 1.

    Args:
        kind: ``linear``: 1 - (d - 1) / span; ``inverse``: 1 / d; ``quadratic``: 1 / d²; ``exponential``:
            exp(-decay (d - 1)); ``flat``: 1.
        distance: ``(n,)`` distances in places, at least 1.
        span: Largest distance, where ``linear`` is still above 0: one number, or one per distance.
        decay: Decay of ``exponential`` per place.

    Returns:
        ``(n,) float64``.
    """
    d = np.asarray(distance, dtype=np.float64)
    forms: dict[str, Callable[[], np.ndarray]] = {
        "linear": lambda: 1 - (d - 1) / span,
        "inverse": lambda: 1 / d,
        "quadratic": lambda: 1 / d**2,
        "exponential": lambda: np.exp(-decay * (d - 1)),
        "flat": lambda: np.ones_like(d),
    }
    return forms[kind]()


def item_blocks(pairs: np.ndarray, cells: int) -> Iterator[tuple[int, int]]:
    """Yields ranges of items with at most ``_BLOCK_PAIRS`` pairs and ``_BLOCK_ELEMENTS`` cells, or a single item.

    Args:
        pairs: ``(n_items,) int64`` upper bound on the number of pairs of each item.
        cells: Number of cells of an item.
    """
    n_items, most = len(pairs), max(1, _BLOCK_ELEMENTS // cells)
    total, first = np.concatenate([[0], np.cumsum(pairs)]), 0
    while first < n_items:
        by_pairs = int(np.searchsorted(total, total[first] + _BLOCK_PAIRS, side="right")) - 1
        last = min(max(first + 1, min(by_pairs, first + most)), n_items)
        yield first, last
        first = last


def count_pairs(
    rows: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
    offsets: tuple[np.ndarray, np.ndarray],
    first: int,
    block: np.ndarray,
) -> None:
    """Adds the pairs that start at ``rows`` to ``block (I, n_items)``; row 0 of the block is item ``first``."""
    n_items = block.shape[1]
    step = max(1, _BLOCK_PAIRS // len(offsets[0]))
    for begin in range(0, len(rows), step):
        part = rows[begin : begin + step, None]
        other = part + offsets[0]  # (step, D)
        np.clip(other, 0, len(items) - 1, out=other)
        # Clipping changes the distance; such pairs are dropped.
        inside = (users[other] == users[part]) & (other - part == offsets[0])
        key = (items[part] - first) * n_items + items[other]
        weight = np.broadcast_to(offsets[1], inside.shape)[inside]
        block += np.bincount(key[inside], weight, minlength=block.size).reshape(block.shape)


def sequence_pairs(
    users: np.ndarray,
    items: np.ndarray,
    n_items: int,
    weights: np.ndarray,
    *,
    directed: bool = True,
    source_scale: np.ndarray | None = None,
    target_scale: np.ndarray | None = None,
    k: int | None = None,
) -> sp.csr_matrix:
    """Counts how often one item follows another within some places, weighted by the distance.

    W(i, j) = source_scale(i) target_scale(j) Σ f(t - s) over users and their places s < t ≤ s + D with i at s and j at
    t; undirected: W + Wᵀ before scaling. The diagonal is 0. Rows are counted block by block, so that on top of the N
    interactions (24 bytes each) and the result (8 bytes per stored value) at most about 200 MB are allocated,
    independent of N and the number of items.

    Args:
        users: ``(N,)`` ids; the interactions of a user are contiguous and ordered by time.
        items: ``(N,)`` ids from 1 to ``n_items - 1``.
        n_items: Number of rows and columns of the result; 0 is padding.
        weights: ``(D,) float64`` f(1), ..., f(D), not negative.
        directed: Whether j must come after i.
        source_scale, target_scale: ``(n_items,)`` factors above 0; 1 if None.
        k: Number of values to keep per row, the largest ones; all if None.

    Returns:
        ``(n_items, n_items) float32``, columns sorted, values above 0.
    """
    distance = np.arange(1, len(weights) + 1)
    offsets = (distance, weights)
    if not directed:
        offsets = np.concatenate([-distance[::-1], distance]), np.concatenate([weights[::-1], weights])
    users, items = np.ascontiguousarray(users), np.ascontiguousarray(items)
    counts = np.bincount(items, minlength=n_items)
    order, begin = np.argsort(items, kind="stable"), np.concatenate([[0], np.cumsum(counts)])
    rows = LargestRows(n_items, k)
    for first, last in item_blocks(counts * len(offsets[0]), n_items):
        block = np.zeros((last - first, n_items))
        count_pairs(order[begin[first] : begin[last]], users, items, offsets, first, block)
        block[np.arange(last - first), np.arange(first, last)] = 0
        if source_scale is not None:
            block *= source_scale[first:last, None]
        if target_scale is not None:
            block *= target_scale
        rows.add(block.astype(np.float32))
    return rows.matrix()
