"""Serendipity: by hand, by property, and against RecTools where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.evaluator.metrics.serendipity import popularity_probability, serendipity

# Four users, four items; item 4 and 3 unseen in training, item 1 three times, item 2 twice.
COUNTS = np.array([0, 3, 2, 0, 0])
ITEMS = np.array([[1, 2], [2, 3], [3, 0], [2, 3]])
HELD_OUT = np.array([0, 2, 4, 5, 6]), np.array([1, 2, 2, 3, 2, 2])


def test_popularity_list_by_hand() -> None:
    assert popularity_probability(COUNTS).tolist() == [0.0, 1.0, 0.75, 0.0, 0.0]
    assert popularity_probability(np.array([9, 5, 5, 1])).tolist() == pytest.approx([0, 1, 1, 2 / 3])


def test_by_hand() -> None:
    # P_u = 1 and 3/4 at positions 1 and 2. User 0: max(1 - 1, 0), max(3/4 - 3/4, 0).
    # User 1: 1 - 3/4 and 3/4 - 0. User 2: item 3 is not relevant. User 3: 1 - 3/4, item 3 not relevant.
    assert serendipity(ITEMS, COUNTS, *HELD_OUT).tolist() == [0.0, 0.5, 0.0, 0.125]
    assert serendipity(ITEMS[:, :1], COUNTS, *HELD_OUT).tolist() == [0.0, 0.25, 0.0, 0.25]


def test_empty_lists_and_no_held_out_items() -> None:
    assert serendipity(np.zeros((4, 2), dtype=int), COUNTS, *HELD_OUT).tolist() == [0.0] * 4
    none = np.zeros(5, dtype=int), np.zeros(0, dtype=int)
    assert serendipity(ITEMS, COUNTS, *none).tolist() == [0.0] * 4


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    n_items, n_users = int(random.integers(5, 15)), int(random.integers(1, 7))
    items = np.stack([random.permutation(np.arange(1, n_items))[:4] for _ in range(n_users)])
    held = [np.flatnonzero(random.random(n_items - 1) < 0.4) + 1 for _ in range(n_users)]
    indptr = np.concatenate([[0], np.cumsum([len(h) for h in held])])
    return items, random.integers(0, 6, n_items), indptr, np.concatenate(held).astype(int)


@given(st.integers(0, 2**32 - 1))
def test_bounds_and_the_popularity_list_itself(seed: int) -> None:
    items, counts, indptr, indices = random_case(seed)
    values = serendipity(items, counts, indptr, indices)
    assert ((values >= 0) & (values <= 1)).all()
    # A list that follows strictly falling popularity has no surprise at all.
    falling = np.arange(len(counts), 0, -1)
    top = np.tile(np.arange(1, 5), (len(items), 1))
    assert not serendipity(top, falling, indptr, indices).any()


def test_agrees_with_rectools() -> None:
    metrics = pytest.importorskip(
        "rectools.metrics", reason="rectools, the independent one, is not installed"
    )
    pd = pytest.importorskip("pandas")
    for seed in range(20):
        items, counts, indptr, indices = random_case(seed)
        counts[0] = 0
        if not counts.any() or not len(indices):
            continue
        n_users, k = items.shape
        users = np.repeat(np.arange(n_users), k)
        reco = pd.DataFrame(
            {"user_id": users, "item_id": items.ravel(), "rank": np.tile(np.arange(1, k + 1), n_users)}
        )
        held = pd.DataFrame({"user_id": np.repeat(np.arange(n_users), np.diff(indptr)), "item_id": indices})
        before = pd.DataFrame({"user_id": 0, "item_id": np.repeat(np.arange(len(counts)), counts)})
        before["user_id"] = np.arange(len(before))
        theirs = metrics.Serendipity(k=k).calc_per_user(reco, held, before, np.arange(1, len(counts)))
        ours = serendipity(items, counts, indptr, indices)
        assert theirs.to_numpy() == pytest.approx(ours[theirs.index.to_numpy()])
