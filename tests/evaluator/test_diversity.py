"""Intra-list diversity: by hand, and against the sum over pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.errors import DataError
from recbole_ext.evaluator.metrics import diversity
from recbole_ext.evaluator.metrics.diversity import intra_list_diversity

# Item 1 and 2: same genre; 3: another; 4: both; 5: no genre.
GENRES = np.array([[1, 1], [1, 0], [1, 0], [0, 1], [1, 1], [0, 0]])


def test_by_hand() -> None:
    items = np.array([[1, 2, 0], [1, 3, 0], [1, 4, 0], [1, 2, 3], [1, 5, 0], [4, 0, 0], [0, 0, 0]])
    # Pairs of the fourth list: 0, 1, 1. Item 5 is similar to nothing.
    expected = [0.0, 1.0, 1 - 1 / np.sqrt(2), 2 / 3, 1.0, 0.0, 0.0]
    assert intra_list_diversity(items, GENRES) == pytest.approx(expected)


def test_padding_features_are_ignored() -> None:
    assert intra_list_diversity(np.array([[1, 3, 0, 0]]), GENRES).tolist() == [1.0]


def by_pairs(row: list[int], features: np.ndarray) -> float:
    distances = []
    for i, j in itertools.combinations([i for i in row if i], 2):
        length = np.linalg.norm(features[i]) * np.linalg.norm(features[j])
        distances.append(1 - (features[i] @ features[j] / length if length else 0.0))
    return float(np.mean(distances)) if distances else 0.0


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 1 << 21]))
def test_agrees_with_pairs_in_any_block_size(seed: int, block: int) -> None:
    random = np.random.default_rng(seed)
    features = random.integers(0, 2, (12, 4))
    items = np.stack([random.permutation(12)[:4] for _ in range(6)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diversity, "_BLOCK_ELEMENTS", block)
        result = intra_list_diversity(items, features)
    assert result == pytest.approx([by_pairs(row, features) for row in items.tolist()])
    assert ((result >= 0) & (result <= 1 + 1e-12)).all()
    order = random.permutation(6)
    assert intra_list_diversity(items[order], features) == pytest.approx(result[order])
    assert intra_list_diversity(items[:, ::-1], features) == pytest.approx(result)


def test_scale_of_the_vectors_changes_nothing() -> None:
    items = np.array([[1, 3, 4]])
    assert intra_list_diversity(items, 7.5 * GENRES) == pytest.approx(intra_list_diversity(items, GENRES))


@pytest.mark.parametrize("features", [np.array([[0.0], [np.nan]]), np.array([[0.0], [np.inf]]), np.ones(3)])
def test_malformed_features_are_refused(features: np.ndarray) -> None:
    with pytest.raises(DataError):
        intra_list_diversity(np.array([[1]]), features)
