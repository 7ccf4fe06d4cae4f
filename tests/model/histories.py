"""Histories as the models meet them, without files: training data, and windows to be continued."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from hypothesis import strategies as st
from recbole.data.interaction import Interaction

__all__ = ["History", "built", "histories", "score_rows", "windows"]

History = Sequence[tuple[int, int]]
"""Items from 1 on with their times in seconds, oldest first."""

_NAMES = {
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "LIST_SUFFIX": "_list",
    "ITEM_LIST_LENGTH_FIELD": "item_length",
    "NEG_PREFIX": "neg_",
    "MAX_ITEM_LIST_LENGTH": 50,
    "device": torch.device("cpu"),
}


def built(model: type, training: Sequence[History], n_items: int, **values: Any) -> Any:
    """A model of users 1, 2, ... with these training histories."""
    rows = [(user, item, time) for user, one in enumerate(training, 1) for item, time in one]
    columns = (torch.tensor(column, dtype=torch.int64) for column in zip(*rows, strict=True))
    inter_feat = dict(zip(("user_id", "item_id", "timestamp"), columns, strict=True))
    sizes = {"user_id": len(training) + 1, "item_id": n_items}
    x = sp.coo_matrix(
        (np.ones(len(rows)), (inter_feat["user_id"], inter_feat["item_id"])), (len(training) + 1, n_items)
    )
    dataset = SimpleNamespace(
        inter_matrix=lambda form: x.asformat(form),  # noqa: PLW0108 - the argument has another name
        inter_feat=inter_feat,
        num=sizes.__getitem__,
        item_num=n_items,
        iid_field="item_id",
        time_field="timestamp",
    )
    return model({**_NAMES, **values}, dataset).eval()


def windows(rows: Sequence[History], users: Sequence[int] | None = None) -> Interaction:
    """A batch of windows, padded on the right."""
    width = max(map(len, rows))
    padded = [[*row, *[(0, 0)] * (width - len(row))] for row in rows]
    fields = {
        "item_id_list": torch.tensor([[item for item, _ in row] for row in padded]),
        "timestamp_list": torch.tensor([[time for _, time in row] for row in padded]),
        "item_length": torch.tensor([len(row) for row in rows]),
    }
    if users is not None:
        fields["user_id"] = torch.tensor(users)
    return Interaction(fields)


def score_rows(model: Any, rows: Sequence[History], users: Sequence[int] | None = None) -> Any:
    """``(B, n_items)`` scores as an array."""
    return model.full_sort_predict(windows(rows, users)).numpy()


@st.composite
def histories(draw: st.DrawFn, n_items: int, repeats: bool = False, most: int = 6) -> list[tuple[int, int]]:
    """One history of 1 to 8 items, equal times among them."""
    items = draw(st.lists(st.integers(1, n_items - 1), min_size=1, max_size=8, unique=not repeats))
    gaps = draw(st.lists(st.integers(0, 3), min_size=len(items), max_size=len(items)))
    start = draw(st.integers(0, most))
    times = [86_400 * (start + sum(gaps[: place + 1])) for place in range(len(items))]
    return list(zip(items, times, strict=True))
