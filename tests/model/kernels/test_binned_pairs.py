"""Counts by bin of distance against plain loops, in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.model.kernels import sequence_pairs as module
from recbole_ext.model.kernels.binned_pairs import BinnedPairs, bin_of_distances, binned_pairs

N_ITEMS = 7
SEQUENCES = st.lists(st.lists(st.integers(1, N_ITEMS - 1), max_size=9), min_size=1, max_size=5)
ENDS = st.lists(st.integers(1, 8), min_size=1, max_size=4, unique=True).map(sorted)


def flat(sequences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    users = np.repeat(np.arange(1, len(sequences) + 1), [len(one) for one in sequences])
    return users, np.array([item for one in sequences for item in one], dtype=np.int64)


def dense(found: BinnedPairs) -> np.ndarray:
    counts = np.zeros((N_ITEMS, N_ITEMS, found.counts.shape[1]))
    counts[np.repeat(np.arange(N_ITEMS), np.diff(found.indptr)), found.indices] = found.counts
    return counts


def looped(sequences: list[list[int]], ends: list[int]) -> np.ndarray:
    """Pair by pair: j after i in the first half of the columns, j before i in the second."""
    counts = np.zeros((N_ITEMS, N_ITEMS, 2 * len(ends)))
    for one in sequences:
        for s, i in enumerate(one):
            for t, j in enumerate(one):
                if i != j and 0 < abs(t - s) <= ends[-1]:
                    column = next(b for b, end in enumerate(ends) if abs(t - s) <= end)
                    counts[i, j, column + (t < s) * len(ends)] += 1
    return counts


@given(SEQUENCES, ENDS, st.integers(1, 200))
def test_it_counts_as_loops_do_whatever_the_blocks(
    sequences: list[list[int]], ends: list[int], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_ELEMENTS", block)
        patch.setattr(module, "_BLOCK_PAIRS", block)
        found = binned_pairs(*flat(sequences), N_ITEMS, bin_of_distances(ends))
    np.testing.assert_array_equal(dense(found), looped(sequences, ends))
    assert (found.counts.sum(axis=1) > 0).all()


@given(SEQUENCES, ENDS, st.integers(1, 4))
def test_a_row_keeps_the_largest_counts_for_the_popularity_of_the_column(
    sequences: list[list[int]], ends: list[int], k: int
) -> None:
    users, items = flat(sequences)
    found = dense(binned_pairs(users, items, N_ITEMS, bin_of_distances(ends), k=k))
    every = looped(sequences, ends)
    worth = every.sum(axis=2) / np.sqrt(np.maximum(np.bincount(items, minlength=N_ITEMS), 1))
    for row in range(N_ITEMS):
        kept = found[row].any(axis=1)
        assert kept.sum() == min(k, (worth[row] > 0).sum())
        np.testing.assert_array_equal(found[row, kept], every[row, kept])
        assert worth[row, kept].min(initial=np.inf) >= worth[row, ~kept].max() - 1e-9


def test_the_bins_end_where_they_are_told_to() -> None:
    assert bin_of_distances([1, 2, 4]).tolist() == [0, 1, 2, 2]
