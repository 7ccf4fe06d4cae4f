"""Counted pairs against plain loops, in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.model.kernels import sequence_pairs as module
from recbole_ext.model.kernels.sequence_pairs import DISTANCE_WEIGHTS, distance_weight, sequence_pairs

N_ITEMS = 7
SEQUENCES = st.lists(st.lists(st.integers(1, N_ITEMS - 1), max_size=9), min_size=1, max_size=5)


def flat(sequences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    users = np.repeat(np.arange(1, len(sequences) + 1), [len(one) for one in sequences])
    return users, np.array([item for one in sequences for item in one], dtype=np.int64)


def looped(sequences: list[list[int]], weights: list[float], directed: bool) -> np.ndarray:
    """The formula, pair by pair."""
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for one in sequences:
        for s, i in enumerate(one):
            for t in range(s + 1, min(len(one), s + len(weights) + 1)):
                j = one[t]
                if i != j:
                    counts[i, j] += weights[t - s - 1]
                    if not directed:
                        counts[j, i] += weights[t - s - 1]
    return counts


@given(SEQUENCES, st.lists(st.floats(0.1, 2), min_size=1, max_size=5), st.booleans(), st.integers(1, 60))
def test_it_counts_as_loops_do_whatever_the_blocks(
    sequences: list[list[int]], weights: list[float], directed: bool, block: int
) -> None:
    users, items = flat(sequences)
    scale = np.arange(1.0, N_ITEMS + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_ELEMENTS", block)
        patch.setattr(module, "_BLOCK_PAIRS", block)
        found = sequence_pairs(
            users,
            items,
            N_ITEMS,
            np.array(weights),
            directed=directed,
            source_scale=1 / scale,
            target_scale=scale**2,
        )
    expected = looped(sequences, weights, directed) / scale[:, None] * scale**2
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)
    assert found.has_sorted_indices or found.nnz < 2


@given(SEQUENCES, st.integers(1, 4))
def test_the_largest_of_a_row_are_kept_and_smaller_ids_among_equals(
    sequences: list[list[int]], k: int
) -> None:
    users, items = flat(sequences)
    found = sequence_pairs(users, items, N_ITEMS, np.ones(3), k=k).toarray()  # whole numbers: real ties
    for row, whole in zip(found, looped(sequences, [1, 1, 1], True), strict=True):
        best = sorted(np.flatnonzero(whole), key=lambda j: (-whole[j], j))[:k]
        np.testing.assert_array_equal(np.flatnonzero(row), sorted(best))
        np.testing.assert_array_equal(row[best], whole[best])


def test_the_weights_of_distances() -> None:
    distance = np.array([1, 2, 4])
    expected = {
        "linear": [1, 0.75, 0.25],
        "inverse": [1, 0.5, 0.25],
        "quadratic": [1, 0.25, 0.0625],
        "exponential": [1, np.exp(-0.5), np.exp(-1.5)],
        "flat": [1, 1, 1],
    }
    assert tuple(sorted(expected)) == tuple(sorted(DISTANCE_WEIGHTS))
    for kind, values in expected.items():
        np.testing.assert_allclose(distance_weight(kind, distance, 4, 0.5), values)


def test_nothing_to_count_is_an_empty_matrix() -> None:
    found = sequence_pairs(np.array([1, 2]), np.array([3, 4]), N_ITEMS, np.ones(5), directed=False)
    assert found.shape == (N_ITEMS, N_ITEMS)
    assert found.nnz == 0
