"""The area under a front."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.evaluator.metrics.hypervolume import hypervolume

GRID = 8


@given(
    st.lists(st.tuples(st.integers(-1, GRID), st.integers(-1, GRID)), max_size=9),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_it_is_the_number_of_cells_that_a_point_dominates(
    points: list[tuple[int, int]], reference: tuple[int, int]
) -> None:
    cells = sum(
        any(a > x and b > y for a, b in points)
        for x in range(reference[0], GRID)
        for y in range(reference[1], GRID)
    )
    assert hypervolume(points, reference) == cells


def test_two_rectangles_that_overlap() -> None:
    assert hypervolume([(0.5, 0.2), (0.1, 0.8), (0.1, 0.1)]) == pytest.approx(0.5 * 0.2 + 0.1 * 0.6)
