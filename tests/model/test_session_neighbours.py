"""SKNN, VSKNN and STAN against their formulas in plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recbole_ext.config.build import build_config
from recbole_ext.errors import ConfigError
from recbole_ext.model.sequential_recommender import session_neighbours as module
from recbole_ext.model.sequential_recommender.sknn import SKNN
from recbole_ext.model.sequential_recommender.stan import STAN
from recbole_ext.model.sequential_recommender.vsknn import VSKNN
from tests.model.histories import History, built, histories, score_rows, windows

N_ITEMS = 9
WEIGHTS = st.sampled_from(["linear", "inverse", "exponential", "quadratic", "flat"])
SETTINGS = {
    SKNN: st.fixed_dictionaries({"k": st.integers(1, 7)}),
    VSKNN: st.fixed_dictionaries(
        {
            "k": st.integers(1, 7),
            "place_weight": WEIGHTS,
            "match_weight": WEIGHTS,
            "place_decay": st.floats(0, 2),
            "idf_weight": st.floats(0, 3),
        }
    ),
    STAN: st.fixed_dictionaries(
        {
            "k": st.integers(1, 7),
            "place_scale": st.none() | st.floats(0.5, 50),
            "day_scale": st.none() | st.floats(0.5, 50),
            "neighbour_scale": st.none() | st.floats(0.5, 50),
        }
    ),
}
MODELS = pytest.mark.parametrize("model", list(SETTINGS), ids=lambda model: model.__name__)


def fall(kind: str, d: int, length: int, decay: float) -> float:
    if kind == "linear":
        return 1 - (d - 1) / length
    if kind == "exponential":
        return math.exp(-decay * (d - 1))
    return {"inverse": 1 / d, "quadratic": 1 / (d * d), "flat": 1.0}[kind]


def kept_places(history: History) -> list[int]:
    """Items of a neighbour by time; one that was repeated stands at its last place."""
    items = [item for item, _ in history]
    return [item for place, item in enumerate(items) if item not in items[place + 1 :]]


def similarity(model: type, row: History, other: History, v: dict[str, Any]) -> float:
    held, n = set(kept_places(other)), len(row)
    total = 0.0
    for place, (item, _) in enumerate(row):
        age = n - 1 - place
        if item in held:
            if model is VSKNN:
                total += fall(v["place_weight"], age + 1, n, v["place_decay"]) / n
            else:
                scale = v.get("place_scale")
                total += (1 if scale is None else math.exp(-age / scale)) / math.sqrt(n * len(held))
    if model is STAN and v["day_scale"] is not None:
        total *= math.exp(-abs(row[-1][1] - other[-1][1]) / 86_400 / v["day_scale"])
    return total


def given_by(model: type, row: History, other: History, j: int, v: dict[str, Any]) -> float:
    """What a neighbour's similarity is multiplied by for the item j that it holds."""
    places, n = kept_places(other), len(row)
    star = next(item for item, _ in reversed(row) if item in places)
    if model is VSKNN:
        age = min(n - 1 - place for place, (item, _) in enumerate(row) if item == star)
        return fall(v["match_weight"], age + 1, n, v["place_decay"])
    if model is STAN and v["neighbour_scale"] is not None:
        return math.exp(-abs(places.index(j) - places.index(star)) / v["neighbour_scale"])
    return 1.0


def looped(
    model: type, training: list[History], row: History, user: int | None, v: dict[str, Any]
) -> list[float]:
    found = [
        (similarity(model, row, one, v), number, one)
        for number, one in enumerate(training, 1)
        if number != user
    ]
    near = sorted((entry for entry in found if entry[0] > 0), key=lambda entry: (-entry[0], entry[1]))
    if len(near) > v["k"]:
        # Who is a neighbour among equals is tested alone.
        assume(near[v["k"] - 1][0] > near[v["k"]][0] * (1 + 1e-5))
    scores = [0.0] * N_ITEMS
    for value, _, one in near[: v["k"]]:
        for j in set(kept_places(one)):
            scores[j] += value * given_by(model, row, one, j, v)
    if model is VSKNN:
        for j in range(N_ITEMS):
            owners = sum(j in kept_places(one) for one in training)
            scores[j] *= 1 + v["idf_weight"] * math.log(len(training) / owners) if owners else 0
    return scores


@MODELS
@settings(max_examples=70)
@given(data=st.data())
def test_the_scores_are_those_of_the_formula(model: Any, data: st.DataObject) -> None:
    training = data.draw(st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=7))
    rows = data.draw(st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=3))
    users = data.draw(
        st.none() | st.lists(st.integers(1, len(training)), min_size=len(rows), max_size=len(rows))
    )
    values = data.draw(SETTINGS[model])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ENTRIES", data.draw(st.integers(1, 40)))
        found = score_rows(built(model, training, N_ITEMS, **values), rows, users)
    names = users or [None] * len(rows)
    expected = [looped(model, training, row, user, values) for row, user in zip(rows, names, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@MODELS
@settings(max_examples=30)
@given(data=st.data())
def test_the_parts_sum_to_the_scores(model: Any, data: st.DataObject) -> None:
    training = data.draw(st.lists(histories(N_ITEMS), min_size=1, max_size=7))
    row = data.draw(histories(N_ITEMS))
    ready = built(model, training, N_ITEMS, **data.draw(SETTINGS[model]))
    items, parts = ready.parts(windows([row]), np.arange(N_ITEMS))
    assert items.tolist() == [item for item, _ in row]
    np.testing.assert_allclose(parts.sum(axis=0), score_rows(ready, [row])[0], rtol=1e-4, atol=1e-6)


@MODELS
def test_among_equally_similar_users_the_smaller_ids_are_neighbours(model: Any) -> None:
    training = [[(1, 0), (2, 1)], [(1, 0), (3, 1)], [(1, 0), (4, 1)]]
    values = {"place_weight": "flat", "match_weight": "flat", "place_decay": 0, "idf_weight": 0}
    scales = dict.fromkeys(("place_scale", "day_scale", "neighbour_scale"))
    found = score_rows(built(model, training, N_ITEMS, k=2, **values, **scales), [[(1, 5)]])[0]
    assert np.flatnonzero(found).tolist() == [1, 2, 3]


@MODELS
def test_a_history_that_nobody_shares_scores_nothing(model: Any) -> None:
    values = {"place_weight": "linear", "match_weight": "linear", "place_decay": 0, "idf_weight": 1}
    scales = dict.fromkeys(("place_scale", "day_scale", "neighbour_scale"), 2.0)
    ready = built(model, [[(1, 0), (2, 1)]], N_ITEMS, k=2, **values, **scales)
    assert not score_rows(ready, [[(5, 5)], [(1, 5)]], users=[1, 1]).any()
    items, parts = ready.parts(windows([[(5, 5)]]), np.array([1, 2]))
    assert items.tolist() == [5]
    assert parts.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("model", "key", "value", "words"),
    [
        (SKNN, "k", 0, "k .* 1 or more"),
        (VSKNN, "place_weight", "steep", "place_weight .* linear, inverse"),
        (VSKNN, "match_weight", 1, "match_weight .* linear, inverse"),
        (VSKNN, "place_decay", -0.1, "place_decay .* 0 or more"),
        (VSKNN, "idf_weight", -1, "idf_weight .* 0 or more"),
        (STAN, "place_scale", 0, "place_scale .* above 0"),
        (STAN, "day_scale", -2, "day_scale .* above 0"),
        (STAN, "neighbour_scale", "wide", "neighbour_scale .* above 0, or null"),
    ],
)
def test_bad_values_are_refused_when_configured(
    model: type, key: str, value: Any, words: str, quick: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=words):
        build_config(model, None, (), {**quick, key: value})
