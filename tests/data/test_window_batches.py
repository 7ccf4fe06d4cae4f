"""Batches of windows of like length: nothing lost, nothing twice, as many targets in each."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.data.window_batches import batches_by_length, batches_in_order
from recbole_ext.model.registry import resolve_model
from tests.conftest import write_inter

WINDOWS = st.lists(
    st.integers(1, 9).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length))),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(windows=WINDOWS, size=st.integers(1, 12), seed=st.integers(0, 5))
def test_each_window_is_in_one_batch_and_no_batch_is_empty(
    windows: list[tuple[int, int]], size: int, seed: int
) -> None:
    length, targets = np.array(windows).T
    batches = batches_by_length(length, targets, size, np.random.default_rng(seed))
    assert len(batches) == len(batches_in_order(np.arange(len(length)), size))
    assert all(len(batch) for batch in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(length)))
    # One pool: the batches are slices of the windows sorted by length.
    ranges = sorted((length[batch].min(), length[batch].max()) for batch in batches)
    assert all(upper[0] >= lower[1] for lower, upper in pairwise(ranges))


def test_a_batch_of_short_windows_holds_more_of_them() -> None:
    """Forty windows of one target and ten of eight: 120 targets in five batches of 24."""
    length = np.repeat([1, 8], [40, 10])
    batches = batches_by_length(length, length, 10, np.random.default_rng(0))
    # 24 windows of one target; 16 of them and one of eight; three of eight, three times.
    assert sorted(map(len, batches)) == [3, 3, 3, 17, 24]
    assert {int(length[batch].sum()) for batch in batches} == {24}


def test_many_pools_have_as_many_batches_and_lose_no_window() -> None:
    rng = np.random.default_rng(0)
    length = rng.integers(1, 51, 1000)
    for size in (1, 3, 7):  # 1000, 334 and 143 batches: eight, three and two pools
        batches = batches_by_length(length, length, size, rng)
        assert len(batches) == -(-1000 // size)
        assert all(len(batch) for batch in batches)
        assert sorted(np.concatenate(batches).tolist()) == list(range(1000))


def test_batches_meet_anew_and_follow_the_stream() -> None:
    length = np.repeat([1, 2, 3], 20)
    rng = np.random.default_rng(3)
    first, second = ([sorted(b.tolist()) for b in batches_by_length(length, length, 6, rng)] for _ in "ab")
    assert sorted(first) != sorted(second)
    again = batches_by_length(length, length, 6, np.random.default_rng(3))
    assert [sorted(batch.tolist()) for batch in again] == first
    # The longest do not always come last.
    lasts = {length[batches_by_length(length, length, 6, rng)[-1]].max() for _ in range(20)}
    assert len(lasts) > 1


def loader_of(home: Path, name: str, model_name: str = "GRU4Rec", **keys: Any) -> Any:
    """The training batches of a data set under ``home``."""
    _, model = resolve_model(model_name)
    few = {"min_item_interactions": 1, "topk": [2], "valid_metric": "NDCG@2"}
    places = {"data_path": str(home), "dataset": name, "use_gpu": False}
    config = build_config(model, None, [], {**places, **few, **keys})
    return train_loader(config, prepare_data(config), model)


@pytest.mark.parametrize(("kind", "least", "most"), [("by_length", 0.93, 1.0), ("random", 0.0, 0.3)])
def test_short_histories_fill_the_places(
    kind: str, least: float, most: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Histories of 4 to 43 items, most of them short, in windows of 50."""
    home = tmp_path_factory.mktemp("short")
    lengths = np.minimum(4 + np.random.default_rng(0).geometric(0.15, 400), 43)
    write_inter(home, "short", [(f"u{u}", f"i{k}", 3, k) for u, n in enumerate(lengths) for k in range(n)])
    loader = loader_of(home, "short", window_batches=kind, train_batch_size=500)
    state = loader.state()
    share = loader.filled_share()
    assert least < share < most
    # The same from the batches themselves.
    loader.set_state(state)
    asked = [batch["target_seq"] > 0 for batch in loader]
    assert share == sum(int(one.sum()) for one in asked) / sum(one.numel() for one in asked)


def test_windows_of_each_user_are_drawn_anew(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One user with 100 items and thirty with 8, windows of 10: two windows of the first, one of each other."""
    home = tmp_path_factory.mktemp("uneven")
    lengths = [100, *[8] * 30]
    write_inter(home, "uneven", [(f"u{u}", f"i{k}", 3, k) for u, n in enumerate(lengths) for k in range(n)])
    loader = loader_of(home, "uneven", windows_per_user=2, MAX_ITEM_LIST_LENGTH=10)
    seen = set()
    for _ in range(40):
        rows = [row for b in loader for row in zip(b["user_id"].tolist(), b["target_seq"], strict=True)]
        windows = [(user, targets[targets > 0].tolist()) for user, targets in rows]
        first = [targets for user, targets in windows if user == 1]
        assert len(first) == 2
        assert len({item for targets in first for item in targets}) == sum(map(len, first)) <= 20
        # 8 items less the two held out, less the first one, which nothing precedes.
        assert sorted((user, len(targets)) for user, targets in windows if user > 1) == [
            (user, 5) for user in range(2, 32)
        ]
        seen.update(item for targets in first for item in targets)
    assert len(seen) == 97


@pytest.mark.parametrize("full", [True, False])
def test_full_windows_hold_what_a_target_is_ranked_from(full: bool, tmp_path: Path) -> None:
    """Histories of 30 items numbered in time, windows of 4: a target sees its last four items, or all there are."""
    write_inter(tmp_path, "long", [(u, f"i{k:02}", 3, k) for u in "ab" for k in range(30)])
    loader = loader_of(
        tmp_path, "long", "Caser", MAX_ITEM_LIST_LENGTH=4, full_windows=full, train_batch_size=16
    )
    seen: dict[tuple[int, int], int] = {}
    for batch in loader:
        assert batch["target_seq"].shape[1] <= (7 if full else 4)
        for user, targets, items in zip(
            batch["user_id"].tolist(),
            batch["target_seq"].tolist(),
            batch["item_id_list"].tolist(),
            strict=True,
        ):
            for place, target in enumerate(targets):
                if target:
                    assert items[place] == target - 1
                    assert (user, target) not in seen
                    seen[user, target] = min(place + 1, 4)
    assert set(seen) == {(user, item) for user in (1, 2) for item in range(2, 29)}
    sees_all = [items == min(target - 1, 4) for (_, target), items in seen.items()]
    assert all(sees_all) == full
