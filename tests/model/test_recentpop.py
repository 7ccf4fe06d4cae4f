"""Recent popularity against a plain sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.errors import ConfigError
from recbole_ext.model.general_recommender.recentpop import RecentPop
from tests.model.histories import History, built, histories

N_ITEMS = 8
DAYS = st.none() | st.floats(0.5, 20)


@given(st.lists(histories(N_ITEMS), min_size=1, max_size=6), DAYS, DAYS)
def test_the_scores_are_sums_over_the_last_days(
    training: list[History], last_days: float | None, half_life_days: float | None
) -> None:
    end = max(time for one in training for _, time in one)
    expected = [0.0] * N_ITEMS
    for one in training:
        for item, time in one:
            age = (end - time) / 86_400
            if last_days is None or age < last_days:
                expected[item] += 0.5 ** (age / half_life_days) if half_life_days else 1.0
    model = built(RecentPop, training, N_ITEMS, last_days=last_days, half_life_days=half_life_days)
    users = Interaction({"user_id": torch.tensor([1, 1])})
    scores = model.full_sort_predict(users).view(2, -1).numpy()
    np.testing.assert_allclose(scores, [expected, expected], rtol=1e-9)


@pytest.mark.parametrize(("key", "value"), [("last_days", 0), ("last_days", "week"), ("half_life_days", -3)])
def test_bad_values_are_refused(key: str, value: Any, quick: dict[str, object]) -> None:
    own = {name: setting for name, setting in quick.items() if name != "MAX_ITEM_LIST_LENGTH"}
    with pytest.raises(ConfigError, match=f"{key} .* above 0, or null"):
        build_config(RecentPop, None, (), {**own, key: value})
