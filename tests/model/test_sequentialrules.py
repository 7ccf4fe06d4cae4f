"""Sequential rules against their formula in plain loops, and on the way through the pipeline."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.model.kernels.sequence_pairs import DISTANCE_WEIGHTS
from recbole_ext.model.sequential_recommender.markovchain import MarkovChain
from recbole_ext.model.sequential_recommender.sequentialrules import SequentialRules
from recbole_ext.trainer.train import train
from tests.model.histories import History, built, histories, score_rows, windows

N_ITEMS = 8
DEFAULTS: dict[str, Any] = {
    "window": 3,
    "distance_weight": "linear",
    "distance_decay": 0.3,
    "directed": False,
    "source_popularity": 0.5,
    "target_popularity": 0.5,
    "history_decay": 0.4,
    "history_decay_by": "place",
    "k": 1000,
}
SETTINGS = st.fixed_dictionaries(
    {
        "window": st.integers(1, 5),
        "distance_weight": st.sampled_from(["linear", "inverse", "exponential", "quadratic", "flat"]),
        "distance_decay": st.floats(0, 2),
        "directed": st.booleans(),
        "source_popularity": st.floats(0, 1.5),
        "target_popularity": st.floats(0, 1.5),
        "history_decay": st.floats(0, 3),
        "history_decay_by": st.sampled_from(["place", "time"]),
        "k": st.integers(1, 9),
    }
)


def fall(kind: str, d: int, window: int, decay: float) -> float:
    if kind == "linear":
        return 1 - (d - 1) / window
    if kind == "exponential":
        return math.exp(-decay * (d - 1))
    return {"inverse": 1 / d, "quadratic": 1 / (d * d), "flat": 1.0}[kind]


def looped_rules(training: list[History], v: dict[str, Any]) -> dict[tuple[int, int], float]:
    """R, pair by pair, before the k largest are taken."""
    rules: dict[tuple[int, int], float] = {}
    count: dict[int, int] = {}
    for one in training:
        for s, (i, _) in enumerate(one):
            count[i] = count.get(i, 0) + 1
            for t in range(s + 1, min(len(one), s + v["window"] + 1)):
                j = one[t][0]
                weight = fall(v["distance_weight"], t - s, v["window"], v["distance_decay"])
                for pair in [(i, j)] if v["directed"] else [(i, j), (j, i)]:
                    if i != j:
                        rules[pair] = rules.get(pair, 0.0) + weight
    return {
        (i, j): w / (count[i] ** v["source_popularity"] * count[j] ** v["target_popularity"])
        for (i, j), w in rules.items()
    }


def looped_scores(training: list[History], row: History, v: dict[str, Any]) -> list[float]:
    rules, scores = looped_rules(training, v), [0.0] * N_ITEMS
    for place, (i, time) in enumerate(row):
        days = (row[-1][1] - time) / 86_400
        age = days if v["history_decay_by"] == "time" else len(row) - 1 - place
        of_item = sorted(((w, j) for (a, j), w in rules.items() if a == i), reverse=True)
        if len(of_item) > v["k"]:
            assume(
                of_item[v["k"] - 1][0] > of_item[v["k"]][0] * (1 + 1e-5)
            )  # who is kept among equals is tested alone
        for w, j in of_item[: v["k"]]:
            scores[j] += math.exp(-v["history_decay"] * age) * w
    return scores


@settings(max_examples=100)
@given(
    st.lists(histories(N_ITEMS), min_size=1, max_size=6),
    st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=3),
    SETTINGS,
)
def test_the_scores_are_those_of_the_formula(
    training: list[History], rows: list[History], values: dict[str, Any]
) -> None:
    model = built(SequentialRules, training, N_ITEMS, **values)
    found = score_rows(model, rows)
    expected = [looped_scores(training, row, values) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@given(st.lists(histories(N_ITEMS), min_size=1, max_size=6), histories(N_ITEMS, repeats=True), SETTINGS)
def test_the_parts_sum_to_the_scores(training: list[History], row: History, values: dict[str, Any]) -> None:
    model = built(SequentialRules, training, N_ITEMS, **values)
    items, parts = model.parts(windows([row]), np.arange(N_ITEMS))
    assert items.tolist() == [item for item, _ in row]
    np.testing.assert_allclose(parts.sum(axis=0), score_rows(model, [row])[0], rtol=1e-4, atol=1e-6)


def test_an_example_by_hand() -> None:
    """Two users had 1, 2, 3 and 2, 3; a third continues 1, 2."""
    training = [[(1, 0), (2, 1), (3, 2)], [(2, 0), (3, 1)]]
    plain = {**DEFAULTS, "window": 2, "directed": True, "source_popularity": 0, "target_popularity": 0}
    model = built(SequentialRules, training, 5, **plain)
    # W(1→2) = 1, W(1→3) = 1/2, W(2→3) = 2; the item 1 of the history is one place old
    old = math.exp(-0.4)
    np.testing.assert_allclose(
        score_rows(model, [[(1, 0), (2, 9)]])[0], [0, 0, old, 2 + old / 2, 0], rtol=1e-6
    )
    scaled = built(
        SequentialRules, training, 5, **{**plain, "source_popularity": 1, "target_popularity": 0.5}
    )
    # popularity: 1 of item 1, 2 of items 2 and 3
    root = math.sqrt(2)
    expected = [0, 0, old / root, 1 / root + old / 2 / root, 0]
    np.testing.assert_allclose(score_rows(scaled, [[(1, 0), (2, 9)]])[0], expected, rtol=1e-6)


def test_age_by_time_is_in_days_before_the_last_item() -> None:
    training = [[(1, 0), (2, 1)], [(3, 0), (4, 1)]]
    values = {**DEFAULTS, "directed": True, "source_popularity": 0, "target_popularity": 0}
    model = built(SequentialRules, training, 5, **{**values, "history_decay_by": "time"})
    day = 86_400
    scores = score_rows(model, [[(1, 5 * day), (3, 7 * day)]])[0]
    np.testing.assert_allclose(scores, [0, 0, math.exp(-0.8), 0, 1], rtol=1e-6)


def test_a_history_without_times_cannot_be_weighed_by_time() -> None:
    model = built(SequentialRules, [[(1, 0), (2, 1)]], 5, **{**DEFAULTS, "history_decay_by": "time"})
    batch = windows([[(1, 0)]])
    del batch.interaction["timestamp_list"]
    with pytest.raises(RecBoleExtError, match="has no times"):
        model.full_sort_predict(batch)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("window", 0, "window .* whole number of 1 or more"),
        ("window", 2.5, "window .* whole number"),
        ("history_decay", -0.1, "history_decay .* 0 or more"),
        ("distance_decay", -1, "distance_decay .* 0 or more"),
        ("distance_weight", "cubic", "distance_weight .* linear, inverse, exponential, quadratic, flat"),
        ("history_decay_by", "week", "history_decay_by .* place, time"),
        ("source_popularity", -0.5, "source_popularity .* 0 or more"),
        ("target_popularity", "high", "target_popularity .* number"),
        ("k", 0, "k .* 1 or more"),
        ("directed", "sometimes", "directed .* true or false"),
    ],
)
def test_bad_values_are_refused_when_configured(
    key: str, value: Any, words: str, quick: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=words):
        build_config(SequentialRules, None, (), {**quick, key: value})


@pytest.mark.parametrize("kind", DISTANCE_WEIGHTS)
def test_every_fall_is_configurable(kind: str, quick: dict[str, object]) -> None:
    assert (
        build_config(SequentialRules, None, (), {**quick, "distance_weight": kind})["distance_weight"] == kind
    )


def test_only_training_is_counted_and_the_test_reads_the_validation_item(quick: dict[str, object]) -> None:
    """On a ring of 20 items each user's item t + 1 follows item t."""
    data = prepare_data(build_config(SequentialRules, None, (), quick))
    split = data.split.interactions
    model = SequentialRules(data.dataset.config, data.dataset)
    assert len(model.sequences(data.dataset)[1]) == len(split) - 2 * (split.n_users - 1)
    batch = next(iter(data.test))
    found = model.histories(batch.interaction)
    for row, user in enumerate(batch.users):
        end = split.indptr[user + 1] - 1  # the test item; the window holds the eight before it
        np.testing.assert_array_equal(found.items[found.rows == row], split.items[end - 8 : end])
        np.testing.assert_array_equal(found.timed()[found.rows == row], split.times[end - 8 : end])


@pytest.mark.parametrize("model", ["SequentialRules", "Pop"])
def test_models_that_learn_nothing_have_one_epoch_whatever_is_asked_for(
    model: str, quick: dict[str, object], tmp_path: Path
) -> None:
    own = {key: value for key, value in quick.items() if model != "Pop" or key != "MAX_ITEM_LIST_LENGTH"}
    result = train(model, overrides={**own, "epochs": 30, "eval_step": 5}, output=tmp_path / "run")
    assert len(result.epochs) == 1


def looped_chain(training: list[History], row: History, backoff: float) -> list[float]:
    total = sum(len(one) for one in training)
    last, follows = row[-1][0], [0] * N_ITEMS
    popularity = [sum(item == j for one in training for item, _ in one) for j in range(N_ITEMS)]
    for one in training:
        for (i, _), (j, _) in itertools.pairwise(one):
            follows[j] += i == last and i != j
    seen = sum(follows)
    return [follows[j] / seen if follows[j] else backoff * popularity[j] / total for j in range(N_ITEMS)]


@given(
    st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=6),
    st.lists(histories(N_ITEMS), min_size=1, max_size=3),
    st.floats(0, 2),
)
def test_a_chain_follows_the_last_item_and_backs_off(
    training: list[History], rows: list[History], backoff: float
) -> None:
    found = score_rows(built(MarkovChain, training, N_ITEMS, backoff=backoff), rows)
    expected = [looped_chain(training, row, backoff) for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_a_back_off_below_0_is_refused(quick: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"backoff .* 0 or more"):
        build_config(MarkovChain, None, (), {**quick, "backoff": -1})
