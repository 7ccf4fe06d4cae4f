"""RP3beta, UserKNN and iALS against their formulas in plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.errors import ConfigError
from recbole_ext.model.general_recommender.ials import iALS
from recbole_ext.model.general_recommender.rp3beta import RP3beta
from recbole_ext.model.general_recommender.userknn import UserKNN
from recbole_ext.model.kernels import least_squares
from recbole_ext.model.kernels.feature_weights import FEATURE_WEIGHTS
from recbole_ext.model.kernels.least_squares import solved_side
from tests.model.histories import History, built, histories

N_ITEMS = 7
TRAINING = st.lists(histories(N_ITEMS), min_size=2, max_size=6)


def scores_of(model: Any, users: int) -> np.ndarray:
    """``(users, n_items)`` of the users 1, 2, ..."""
    batch = Interaction({"user_id": torch.arange(1, users + 1)})
    return model.full_sort_predict(batch).view(users, -1).detach().numpy()


def sets(training: list[History]) -> list[set[int]]:
    return [{item for item, _ in one} for one in training]


def best(weights: dict[int, float], k: int) -> dict[int, float]:
    """The k largest above 0; examples in which equals compete for the last place are left out."""
    order = sorted((entry for entry in weights.items() if entry[1] > 0), key=lambda entry: -entry[1])
    if len(order) > k:
        assume(order[k - 1][1] > order[k][1] * (1 + 1e-5))
    return dict(order[:k])


@settings(max_examples=60)
@given(TRAINING, st.floats(0, 2), st.floats(0, 2), st.integers(1, 8), st.booleans())
def test_rp3beta_walks_three_steps(
    training: list[History], alpha: float, beta: float, k: int, normalise: bool
) -> None:
    values = {"walk_power": alpha, "target_popularity": beta, "k": k, "normalise": normalise}
    had = sets(training)
    popularity = {i: sum(i in one for one in had) for i in range(N_ITEMS)}
    rules = {}
    for i in range(1, N_ITEMS):
        row = dict.fromkeys(range(N_ITEMS), 0.0)
        for one in had:
            if i in one:
                for j in one - {i}:
                    row[j] += (1 / popularity[i]) ** alpha * (1 / len(one)) ** alpha / popularity[j] ** beta
        kept = best(row, k)
        rules[i] = {j: w / (sum(kept.values()) if normalise else 1) for j, w in kept.items()}
    expected = [[sum(rules[i].get(j, 0.0) for i in one) for j in range(N_ITEMS)] for one in had]
    found = scores_of(built(RP3beta, training, N_ITEMS, **values), len(training))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def item_weight(kind: str, item: int, one: set[int], had: list[set[int]]) -> float:
    owners = sum(item in other for other in had)
    if kind == "idf":
        return math.log(len(had) / owners)
    if kind == "bm25":
        relative = len(one) / (sum(map(len, had)) / len(had))
        return max(math.log(len(had) / (1 + owners)), 0) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * relative))
    return 1.0


@settings(max_examples=60)
@given(TRAINING, st.integers(1, 6), st.floats(0, 20), st.sampled_from(FEATURE_WEIGHTS))
def test_userknn_asks_the_most_similar_users(
    training: list[History], k: int, shrink: float, kind: str
) -> None:
    had = sets(training)
    vectors = [[item_weight(kind, i, one, had) if i in one else 0.0 for i in range(N_ITEMS)] for one in had]
    expected = []
    for u, own in enumerate(vectors):
        similar = {}
        for n, other in enumerate(vectors):
            if n != u:
                product = sum(a * b for a, b in zip(own, other, strict=True))
                similar[n] = product / (math.hypot(*own) * math.hypot(*other) + shrink + 1e-6)
        near = best(similar, k)
        expected.append([sum(s for n, s in near.items() if j in had[n]) for j in range(N_ITEMS)])
    model = built(UserKNN, training, N_ITEMS, k=k, shrink=shrink, item_weight=kind)
    found = scores_of(model, len(training))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    items, parts = model.parts(Interaction({"user_id": torch.tensor([1])}), np.arange(N_ITEMS))
    assert set(items) == had[0]
    np.testing.assert_allclose(parts.sum(axis=0), found[0], rtol=1e-4, atol=1e-6)


def loss(
    x: torch.Tensor, users: torch.Tensor, items: torch.Tensor, alpha: float, strength: float, power: float
) -> torch.Tensor:
    """The objective of iALS as its docstring states it; ``x (U, I)`` without padding."""
    scores = users @ items.T
    observed = (x * (scores - 1) ** 2).sum() + alpha * (scores**2).sum()
    of_users = (x.sum(dim=1) + alpha * x.shape[1]) ** power
    of_items = (x.sum(dim=0) + alpha * x.shape[0]) ** power
    return (
        observed
        + strength * (of_users * (users**2).sum(dim=1)).sum()
        + strength * (of_items * (items**2).sum(dim=1)).sum()
    )


@settings(max_examples=40)
@given(TRAINING, st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0, 1), st.integers(1, 300))
def test_each_half_step_of_ials_ends_where_the_gradient_is_0(
    training: list[History], alpha: float, strength: float, power: float, block: int
) -> None:
    values = {"unobserved_weight": alpha, "regularisation": strength, "regularisation_power": power}
    torch.manual_seed(0)
    model = built(iALS, training, N_ITEMS, embedding_size=3, iterations=2, **values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(least_squares, "_BLOCK_ELEMENTS", block)
        model.calculate_loss(Interaction({"user_id": torch.tensor([1])}))
    x = torch.from_numpy(model.matrix.toarray()[1:, 1:]).double()
    users = model.user_embedding.weight[1:].detach().double()
    items = model.item_embedding.weight[1:].detach().double().requires_grad_()
    # Items without interactions are 0, which is their minimum as well.
    loss(x, users, items, alpha, strength, power).backward()
    np.testing.assert_allclose(items.grad, 0, atol=1e-4)
    again = solved_side(
        model.matrix, model.item_embedding.weight, alpha, model._regularisation(model.matrix, N_ITEMS - 1)
    )
    users = again[1:].double().requires_grad_()
    loss(x, users, items.detach(), alpha, strength, power).backward()
    np.testing.assert_allclose(users.grad, 0, atol=1e-4)


def test_ials_solves_once() -> None:
    values = {"unobserved_weight": 0.1, "regularisation": 0.1, "regularisation_power": 1.0}
    model = built(iALS, [[(1, 0), (2, 1)], [(2, 0)]], 4, embedding_size=2, iterations=3, **values)
    batch = Interaction({"user_id": torch.tensor([1])})
    model.calculate_loss(batch)
    before = model.user_embedding.weight.clone()
    model.calculate_loss(batch)
    assert torch.equal(before, model.user_embedding.weight)


@pytest.mark.parametrize(
    ("model", "key", "value", "words"),
    [
        (RP3beta, "walk_power", -1, "walk_power .* 0 or more"),
        (RP3beta, "normalise", 1, "normalise .* true or false"),
        (UserKNN, "item_weight", "tfidf", "item_weight .* none, idf, bm25"),
        (UserKNN, "shrink", -1, "shrink .* 0 or more"),
        (iALS, "unobserved_weight", -0.1, "unobserved_weight .* 0 or more"),
        (iALS, "regularisation", 0, "regularisation .* above 0"),
        (iALS, "iterations", 0, "iterations .* 1 or more"),
    ],
)
def test_bad_values_are_refused_when_configured(
    model: type, key: str, value: Any, words: str, quick: dict[str, object]
) -> None:
    own = {name: setting for name, setting in quick.items() if name != "MAX_ITEM_LIST_LENGTH"}
    with pytest.raises(ConfigError, match=words):
        build_config(model, None, (), {**own, key: value})
