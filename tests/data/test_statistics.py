"""Statistics of a data set, by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from recbole_ext.data.interactions import read_interactions, split_interactions
from recbole_ext.data.statistics import dataset_statistics


def test_by_hand(inter: Callable[[Iterable[tuple[str, str, float, int]]], Path]) -> None:
    sequences = {"a": "pqrs", "b": "pqrt", "c": "pqs", "d": "pqt"}
    rows = [(user, item, 1.0, time) for user, items in sequences.items() for time, item in enumerate(items)]
    data = read_interactions(inter(rows))
    figures = dataset_statistics(split_interactions(data, "leave_one_out"))
    assert (figures["users"], figures["items"], figures["interactions"]) == (4, 5, 14)
    assert figures["sparsity"] == pytest.approx(1 - 14 / 20)
    # Training: a has p q, b has p q, c and d have p: counts 4, 2, 0, 0, 0.
    assert (figures["train"], figures["validation"], figures["test"]) == (6, 4, 4)
    assert figures["items_without_training_interactions"] == 3
    # Ascending 0 0 0 2 4, weights -4 -2 0 2 4: (2 * 2 + 4 * 4) / (5 * 6).
    assert figures["popularity_gini"] == pytest.approx(20 / 30)
    # p alone holds 4 of 6, which is 20 % and more, but less than 80 %; 20 % of five items is one.
    assert figures["head_items"] == {"interactions_80": 2, "interactions_20": 1, "items_20": 1}
    assert figures["tail_items"] == {"interactions_80": 3, "interactions_20": 4, "items_20": 4}
    assert figures["users_decided_by_tie_break"] == 0
