"""The two greedy loops are one: the merge over groups gives the lists of the loop over all candidates."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.rerank.methods.greedy import greedy, greedy_over_groups


@given(seed=st.integers(0, 10_000), n_groups=st.integers(1, 4), k=st.integers(1, 7))
@settings(max_examples=80, deadline=None)
def test_the_merge_equals_the_full_loop(seed: int, n_groups: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    base = -np.sort(-rng.integers(0, 6, (5, 7)) / 4.0, axis=1)
    groups = rng.integers(0, n_groups, (5, 7))
    # Quarters: every sum is exact, so that ties are met often and decided by the position.
    weights = rng.integers(0, 4, (5, n_groups)) / 4.0

    taken = np.zeros((5, n_groups))

    def full_bonus(size: int) -> np.ndarray:
        return np.take_along_axis(-weights * taken, groups, axis=1)

    def add(best: np.ndarray) -> None:
        taken[np.arange(5), groups[np.arange(5), best]] += 1

    merged = greedy_over_groups(base.copy(), groups, n_groups, k, lambda counts, size: -weights * counts)
    full = greedy(base.copy(), k, full_bonus, add)
    assert np.array_equal(merged[0], full[0])
    assert np.array_equal(merged[1], full[1])
