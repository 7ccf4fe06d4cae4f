"""Order, duplicates and ties against plain Python, on random interactions."""

from __future__ import annotations

from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.data.ordering import duplicate_row, order_interactions, tie_share

Row = tuple[int, int, int]
INTERACTIONS = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(0, 5)), min_size=1, max_size=60
)


def _frame(rows: list[Row], *, as_text: bool) -> pl.DataFrame:
    kind = pl.String if as_text else pl.UInt32
    users, items, times = zip(*rows, strict=True)
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times}).with_columns(
        pl.col("user_id", "item_id").cast(kind), pl.col("timestamp").cast(pl.Int64)
    )


def _rows(frame: pl.DataFrame) -> list[Row]:
    return [(int(user), int(item), time) for user, item, time in frame.iter_rows()]


@settings(max_examples=60, deadline=None)
@given(rows=INTERACTIONS, as_text=st.booleans())
def test_file_order_breaks_ties(rows: list[Row], as_text: bool) -> None:
    expected = [row for _, row in sorted(enumerate(rows), key=lambda pair: (pair[1][0], pair[1][2], pair[0]))]
    assert _rows(order_interactions(_frame(rows, as_text=as_text))) == expected


@settings(max_examples=60, deadline=None)
@given(rows=INTERACTIONS, as_text=st.booleans())
def test_duplicate_row_finds_one_if_there_is_one(rows: list[Row], as_text: bool) -> None:
    found = duplicate_row(order_interactions(_frame(rows, as_text=as_text)))
    repeated = {(str(user), str(item), time) for (user, item, time), n in Counter(rows).items() if n > 1}
    assert (found in repeated) if repeated else (found is None)


@settings(max_examples=60, deadline=None)
@given(rows=INTERACTIONS)
def test_tie_share_is_whether_another_tie_break_changes_the_held_out(rows: list[Row]) -> None:
    users = sorted({user for user, _, _ in rows})
    # Every row is another item, so held-out items differ exactly when another row takes the place.
    named = [(user, place, time) for place, (user, _, time) in enumerate(rows)]
    depends = 0
    for user in users:
        mine = [row for row in named if row[0] == user]
        first = sorted(mine, key=lambda row: (row[2], row[1]))[-2:]
        other = sorted(mine, key=lambda row: (row[2], -row[1]))[-2:]
        depends += first != other
    ordered = order_interactions(_frame([(u, i, t) for u, i, t in named], as_text=False))
    assert tie_share(ordered) == depends / len(users)
