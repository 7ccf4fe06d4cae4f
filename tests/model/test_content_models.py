"""Models of content in closed form, each against a slow computation of its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.model.general_recommender.contentknn import content_neighbours
from recbole_ext.model.general_recommender.marec import alignment_weights, rarity, smoothed_cosine
from recbole_ext.model.registry import resolve_model
from tests.conformance.contract import ITEMS, overrides, write_walks


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_walks(tmp_path_factory.mktemp("walks"))


def built(name: str, home: Path, **values: Any) -> Any:
    model_class = resolve_model(name)[1]
    config = build_config(model_class, None, (), {**overrides(name, home), **values})
    return model_class(config, prepare_data(config).dataset)


def constrained(gram: np.ndarray, ridge: float) -> np.ndarray:
    """Each column by itself: the regression of an item on the others, which leaves it out.

    Column j solves (A + λ I) w = A e_j over all rows but j, with w_j = 0.
    """
    n = len(gram)
    weights = np.zeros((n, n))
    for item in range(n):
        others = [place for place in range(n) if place != item]
        system = gram[np.ix_(others, others)] + ridge * np.eye(n - 1)
        weights[others, item] = np.linalg.solve(system, gram[others, item])
    return weights


def test_collective_ease_is_a_regression_of_each_item_on_the_others(home: Path) -> None:
    """Rows of interactions and, √side_weight times, rows of features."""
    model = built("CEASE", home, side_weight=3.0, reg_weight=2.0)
    users = model.interaction_matrix.toarray()[:, 1:]
    features = model.content_features.matrix()[1:].T
    rows = np.vstack([users, np.sqrt(3.0) * features]).astype(np.float64)
    np.testing.assert_allclose(model.w[1:, 1:], constrained(rows.T @ rows, 2.0), atol=1e-5)
    assert not model.w[0].any()
    assert not model.w[:, 0].any()


def test_without_features_it_is_ease(home: Path) -> None:
    with_none = built("CEASE", home, side_weight=0.0, reg_weight=5.0)
    ease = built("EASE", home, reg_weight=5.0)
    np.testing.assert_allclose(with_none.w[1:, 1:], np.asarray(ease.item_similarity)[1:, 1:], atol=1e-5)


def test_marec_as_its_authors_write_it(home: Path) -> None:
    """The steps of the authors' public code, with X̃, IR, P and γ, over dense matrices."""
    keys = {"alignment": 2.0, "cold_weight": 5.0, "cold_percentile": 60.0, "reg_weight": 1.5, "shrink": 0.7}
    model = built("MARec", home, **keys, zero_weight=0.2)
    x = model.interaction_matrix.toarray()[1:, 1:].astype(np.float64)
    (block,) = model.content_features.blocks
    n = x.shape[1]
    likeness = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                f, g = block.values[1 + i].astype(float), block.values[1 + j].astype(float)
                likeness[i, j] = f @ g / (np.linalg.norm(f) * np.linalg.norm(g) + 0.7)
    aligned = x @ likeness
    design = np.stack([aligned.ravel(), np.ones(x.size)], axis=1)
    root = np.sqrt(np.where(x.ravel() > 0, 1.0, 0.2))
    mu = np.linalg.lstsq(design * root[:, None], x.ravel() * root, rcond=None)[0][0]
    np.testing.assert_allclose(model.weights, [mu], rtol=1e-6)
    counts = x.sum(axis=0)
    least = max(np.percentile(counts, 60.0), 1)
    rare = np.diag([5.0 / least * (least - one) if one <= least else 0.0 for one in counts])
    tilde = 2.0 * mu * aligned
    inverse = np.linalg.inv(x.T @ x + 1.5 * np.eye(n) + x.T @ tilde @ rare)
    free = inverse @ (x.T @ x + x.T @ tilde @ rare)
    expected = free - inverse @ np.diag(np.diag(free) / np.diag(inverse))
    np.testing.assert_allclose(model.w[1:, 1:], expected, atol=1e-5)


def test_marec_aligns_rare_items_alone(home: Path) -> None:
    """An item above the percentile keeps its column of EASE if no item is below it."""
    aligned = built("MARec", home, cold_percentile=0.0, alignment=9.0, reg_weight=5.0)
    counts = np.asarray(aligned.interaction_matrix[:, 1:].sum(axis=0)).ravel()
    assert (rarity(counts, 0.0, 9.0) == 0).all()
    ease = built("EASE", home, reg_weight=5.0)
    np.testing.assert_allclose(aligned.w[1:, 1:], np.asarray(ease.item_similarity)[1:, 1:], atol=1e-5)


def test_how_rare_an_item_is() -> None:
    np.testing.assert_allclose(rarity(np.array([0, 1, 4, 9]), 50.0, 3.0), [3.0, 3 * 1.5 / 2.5, 0, 0])
    np.testing.assert_allclose(rarity(np.array([0, 0, 0, 5]), 50.0, 2.0), [2.0, 2.0, 2.0, 0])


def test_weights_of_features_are_a_weighted_regression() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((300, 6)) < 0.4).astype(np.float64)  # more rows than a block holds
    likenesses = [smoothed_cosine(rng.random((6, 3)), 1.0) for _ in range(2)]
    design = np.stack([*[(x @ one).ravel() for one in likenesses], np.ones(x.size)], axis=1)
    weight = np.diag(np.where(x.ravel() > 0, 1.0, 0.3))
    expected = np.linalg.solve(design.T @ weight @ design, design.T @ weight @ x.ravel())[:2]
    np.testing.assert_allclose(alignment_weights(sp.csr_matrix(x), likenesses, 0.3), expected, rtol=1e-8)


@pytest.mark.parametrize("k", [2, None])
def test_neighbours_by_content_one_by_one(k: int | None) -> None:
    rng = np.random.default_rng(0)
    matrix = np.vstack([np.zeros(4), rng.standard_normal((7, 4)), np.zeros(4)])
    found = content_neighbours(matrix, k).toarray()
    for item in range(len(matrix)):
        cosines = {
            other: matrix[item]
            @ matrix[other]
            / (np.linalg.norm(matrix[item]) * np.linalg.norm(matrix[other]))
            for other in range(1, 8)
            if other != item and 1 <= item <= 7
        }
        near = sorted((other for other in cosines if cosines[other] > 0), key=lambda one: -cosines[one])[:k]
        expected = np.zeros(len(matrix))
        expected[near] = [cosines[other] for other in near]
        np.testing.assert_allclose(found[:, item], expected, atol=1e-6)


def test_a_film_is_scored_by_those_that_are_like_it(home: Path) -> None:
    model = built("ContentKNN", home)
    scores = model.full_sort_predict(Interaction({"user_id": torch.tensor([1])})).view(-1).numpy()
    history = model.interaction_matrix[1].indices
    matrix = model.content_features.matrix()
    for item in range(1, ITEMS + 1):
        expected = 0.0
        for other in history:
            lengths = np.linalg.norm(matrix[item]) * np.linalg.norm(matrix[other])
            if other != item and lengths > 0:
                expected += matrix[item] @ matrix[other] / lengths
        assert scores[item] == pytest.approx(expected, abs=1e-5)
