"""P3alpha, PureSVD, SLIM, RepeatLast and ItemKNN's weights against slow implementations of their formulas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet

from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.model.general_recommender.itemknn import ItemKNN
from recbole_ext.model.general_recommender.p3alpha import P3alpha
from recbole_ext.model.general_recommender.puresvd import PureSVD
from recbole_ext.model.general_recommender.rp3beta import RP3beta
from recbole_ext.model.general_recommender.slim import SLIM, sparse_weights
from recbole_ext.model.kernels.feature_weights import FEATURE_WEIGHTS
from recbole_ext.model.sequential_recommender.repeatlast import RepeatLast
from recbole_ext.trainer.train import train
from tests.model.histories import History, built, histories, score_rows
from tests.model.test_neighbour_classics import N_ITEMS, TRAINING, scores_of, sets


def random_matrix(users: int = 60, items: int = 12, seed: int = 0) -> sp.csr_matrix:
    """Users with tastes: items of one half of the catalogue are had together."""
    rng = np.random.default_rng(seed)
    taste = rng.random((users, 1)) < np.where(np.arange(items) < items // 2, 0.8, 0.2)
    dense = (rng.random((users, items)) < np.where(taste, 0.7, 0.1)).astype(np.float32)
    dense[0] = dense[:, 0] = 0
    return sp.csr_matrix(dense)


@settings(max_examples=30)
@given(TRAINING, st.floats(0, 2), st.booleans())
def test_p3alpha_is_rp3beta_without_its_discount(
    training: list[History], alpha: float, normalise: bool
) -> None:
    values = {"walk_power": alpha, "k": 100, "normalise": normalise}
    had = sets(training)
    owners = {i: sum(i in one for one in had) for i in range(N_ITEMS)}
    walks = {
        i: [
            sum((1 / owners[i] / len(one)) ** alpha for one in had if {i, j} <= one) if j != i else 0.0
            for j in range(N_ITEMS)
        ]
        for i in range(1, N_ITEMS)
    }
    if normalise:
        walks = {i: [w / sum(row) if any(row) else 0.0 for w in row] for i, row in walks.items()}
    expected = [[sum(walks[i][j] for i in one) for j in range(N_ITEMS)] for one in had]
    found = scores_of(built(P3alpha, training, N_ITEMS, **values), len(training))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    twin = built(RP3beta, training, N_ITEMS, target_popularity=0.0, **values)
    np.testing.assert_array_equal(found, scores_of(twin, len(training)))


@pytest.mark.parametrize("rank", [1, 3, 11, 500])
def test_puresvd_projects_on_the_first_singular_vectors(rank: int) -> None:
    """numpy's dense decomposition is another algorithm than ARPACK's."""
    matrix = random_matrix()
    training = [[(int(i), n) for n, i in enumerate(row.indices)] for row in matrix[1:]]
    training = [one or [(1, 0)] for one in training]
    model = built(PureSVD, training, matrix.shape[1], embedding_size=rank)
    x = model.interaction_matrix.toarray().astype(np.float64)
    v = np.linalg.svd(x)[2][: min(rank, x.shape[1] - 2)]
    found = scores_of(model, len(training))
    np.testing.assert_allclose(found, (x @ v.T @ v)[1:], atol=1e-5)
    between = model.weights_between(np.array([2, 3]), np.array([4, 5, 6]))
    np.testing.assert_allclose(between, (v.T @ v)[[2, 3]][:, [4, 5, 6]], atol=1e-5)


@pytest.mark.parametrize(("l1", "l2"), [(0.5, 3.0), (4.0, 20.0), (0.01, 1.0)])
def test_slim_is_the_elastic_net_of_each_item(l1: float, l2: float) -> None:
    """scikit-learn descends coordinate by coordinate; its objective is ours divided by the number of rows."""
    matrix = random_matrix()
    found = sparse_weights(matrix, l1=l1, l2=l2, most_iterations=5_000, tolerance=1e-6).toarray()
    x, n = matrix.toarray().astype(np.float64), matrix.shape[0]
    net = ElasticNet(
        alpha=(l1 + l2) / n,
        l1_ratio=l1 / (l1 + l2),
        positive=True,
        fit_intercept=False,
        tol=1e-12,
        max_iter=100_000,
    )
    for item in range(1, matrix.shape[1]):
        others = x.copy()
        others[:, item] = 0
        np.testing.assert_allclose(found[:, item], net.fit(others, x[:, item]).coef_, atol=2e-4)
    assert (found == 0).sum() > len(found)  # zeros are exact


def test_slim_says_that_it_has_not_converged() -> None:
    with pytest.raises(RecBoleExtError, match="SLIM has not converged to 1e-09 in 2 iterations: raise l2"):
        sparse_weights(random_matrix(), l1=1.0, l2=1.0, most_iterations=2, tolerance=1e-9)


def test_slim_scores_a_history_by_its_weights() -> None:
    training = [[(1, 0), (2, 1)], [(1, 0), (2, 1), (3, 2)], [(3, 0)]]
    model = built(SLIM, training, 4, l1=0.1, l2=1.0, max_iterations=1_000, tolerance=1e-6)
    x = model.interaction_matrix.toarray()
    np.testing.assert_allclose(scores_of(model, 3), (x @ model.w.toarray())[1:], atol=1e-6)


@settings(max_examples=60)
@given(TRAINING, st.floats(0, 1), st.floats(0, 5), st.sampled_from(FEATURE_WEIGHTS))
def test_itemknn_weighs_users_and_sides(
    training: list[History], asymmetry: float, shrink: float, kind: str
) -> None:
    had = sets(training)
    owners = [{u for u, one in enumerate(had) if i in one} for i in range(N_ITEMS)]
    items = sum(bool(one) for one in owners)
    mean = sum(map(len, owners)) / items

    def weight(user: int, item: int) -> float:
        if user not in owners[item]:
            return 0.0
        if kind == "idf":
            return math.log(items / len(had[user]))
        if kind == "bm25":
            rarity = max(math.log(items / (1 + len(had[user]))), 0)
            return rarity * 2.2 / (1 + 1.2 * (0.25 + 0.75 * len(owners[item]) / mean))
        return 1.0

    vectors = [[weight(u, i) for u in range(len(had))] for i in range(N_ITEMS)]

    def similarity(i: int, j: int) -> float:
        product = sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True))
        sizes = math.hypot(*vectors[i]) ** (2 * asymmetry) * math.hypot(*vectors[j]) ** (2 - 2 * asymmetry)
        return 0.0 if i == j else product / (sizes + shrink + 1e-6)

    expected = [[sum(similarity(i, j) for i in one) for j in range(N_ITEMS)] for one in had]
    values = {"k": 100, "shrink": shrink, "user_weight": kind, "asymmetry": asymmetry, "knn_method": None}
    found = scores_of(built(ItemKNN, training, N_ITEMS, **values), len(training))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@settings(max_examples=40)
@given(TRAINING, st.lists(histories(N_ITEMS, repeats=True), min_size=1, max_size=3))
def test_repeatlast_repeats_the_last_items_first(training: list[History], rows: list[History]) -> None:
    model = built(RepeatLast, training, N_ITEMS)
    counts = np.bincount([item for one in training for item, _ in one], minlength=N_ITEMS)
    for row, found in zip(rows, score_rows(model, rows), strict=True):
        own = list(dict.fromkeys(item for item, _ in reversed(row)))
        others = [item for item in range(1, N_ITEMS) if item not in own]
        assert [int(item) for item in np.argsort(-found, kind="stable")[: len(own)]] == own
        np.testing.assert_allclose(found[others], counts[others] / (1 + counts.max()))
        assert found[own].min() > found[others].max(initial=0)


def test_repeatlast_is_refused_where_own_items_are_masked(quick: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mask_seen .*must be false for RepeatLast"):
        train("RepeatLast", overrides=quick, output=tmp_path / "run")
