"""What the metrics of a phase look at."""

from __future__ import annotations

import numpy as np
import pytest

from recbole_ext.data.evidence import evidence_of
from recbole_ext.data.interactions import TEST, VALID, split_interactions
from tests.data.test_interactions import build


@pytest.mark.parametrize(("phase", "masked"), [(VALID, [[1, 2], [3]]), (TEST, [[1, 2, 3], [3, 1]])])
def test_what_a_user_had_before_the_phase_is_masked(phase: int, masked: list[list[int]]) -> None:
    rows = [(1, item, time) for time, item in enumerate([1, 2, 3, 4])]
    rows += [(2, item, time) for time, item in enumerate([3, 1, 2])]
    split = split_interactions(build(rows), "leave_one_out")
    for mask_seen in (True, False):
        found = evidence_of(
            split, phase, np.array([1, 2]), head_rule="items_20", genres=None, mask_seen=mask_seen
        )
        assert found.profiles is not None
        indptr, indices = found.profiles
        assert [indices[indptr[u] : indptr[u + 1]].tolist() for u in range(2)] == [[1, 2], [3]]
        if not mask_seen:
            assert found.masked is None
            continue
        assert found.masked is not None
        indptr, indices = found.masked
        assert [indices[indptr[u] : indptr[u + 1]].tolist() for u in range(2)] == masked
