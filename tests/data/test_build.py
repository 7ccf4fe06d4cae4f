"""Repeated interactions are found, however many rows are looked at together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.data import build
from recbole_ext.data.interactions import Split
from recbole_ext.errors import ConfigError
from tests.data.test_interactions import build as interactions_of


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 12)), min_size=1, max_size=14), st.integers(1, 20)
)
def test_repeats_are_found_in_pieces_of_any_size(pairs, rows_at_once):
    data = interactions_of([(user, item, time) for time, (user, item) in enumerate(pairs)])
    split = Split(data, data.items * 0, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_ROWS_AT_ONCE", rows_at_once)
        if len(set(pairs)) < len(pairs):
            with pytest.raises(ConfigError, match="the same item twice"):
                build._check_repeats(split)
        else:
            build._check_repeats(split)
