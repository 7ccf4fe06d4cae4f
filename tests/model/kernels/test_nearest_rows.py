"""The compiled product with its largest values against a sort of the dense product."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recbole_ext.model.kernels.nearest_rows import nearest_rows

COUNTS = st.sampled_from([0.0, 0.0, 1.0, 2.0])


@settings(max_examples=80, deadline=None)
@given(
    arrays(np.float32, (5, 6), elements=COUNTS),
    arrays(np.float32, (6, 7), elements=COUNTS),
    arrays(np.float32, (5, 7), elements=st.sampled_from([0.5, 1.0, 4.0])),
    st.integers(1, 7),
)
def test_each_row_keeps_its_largest_values_above_0_and_of_equal_ones_the_first(
    left: np.ndarray, right: np.ndarray, divisors: np.ndarray, k: int
) -> None:
    skipped = np.array([1, 2, 3, 4, 6])
    found = nearest_rows(
        sp.csr_matrix(left),
        sp.csr_matrix(right),
        k,
        divisors=lambda start, stop: divisors[start:stop],
        skipped=skipped,
    )
    assert found.has_sorted_indices
    whole = left @ right
    whole[np.arange(5), skipped] = 0
    whole /= divisors
    whole[:, 0] = 0  # padding
    for row in range(5):
        best = np.lexsort((np.arange(7), -whole[row]))[:k]
        expected = np.zeros(7)
        expected[best] = whole[row, best]
        np.testing.assert_array_equal(found[row].toarray()[0], expected)
