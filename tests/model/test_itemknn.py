"""ItemKNN: by hand, against RecBole's own class, and the rule for ties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from recbole.data.interaction import Interaction
from recbole.model.general_recommender.itemknn import ComputeSimilarity
from recbole.model.general_recommender.itemknn import ItemKNN as HostItemKNN

from recbole_ext.errors import ConfigError
from recbole_ext.model.general_recommender.itemknn import ItemKNN, cosine_neighbours
from recbole_ext.model.kernels import sparse_product

CONFIG = {
    "USER_ID_FIELD": "user",
    "ITEM_ID_FIELD": "item",
    "NEG_PREFIX": "neg_",
    "device": torch.device("cpu"),
    "knn_method": "item",
    "user_weight": "none",
    "asymmetry": 0.5,
}


class Data:
    """What a model reads of a data set."""

    def __init__(self, matrix: sp.csr_matrix) -> None:
        self.matrix = matrix

    def num(self, field: str) -> int:
        return self.matrix.shape[field == "item"]

    def inter_matrix(self, form: str) -> sp.csr_matrix:
        return self.matrix.copy()


def random_matrix(users: int = 80, items: int = 50, seed: int = 0) -> sp.csr_matrix:
    """Users of random activity, some items twice; row and column 0 are padding."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((users, items)) < rng.random((users, 1)) * 0.5) * rng.integers(1, 3, (users, items))
    dense[0] = dense[:, 0] = 0
    return sp.csr_matrix(dense.astype(np.float32))


def _host_similarities(matrix: sp.csr_matrix, k: int, shrink: float) -> Any:
    """RecBole 1.2.0 takes "item" at the call, 1.2.1 when it is built."""
    host = ComputeSimilarity(matrix, topk=k, shrink=shrink)
    return host.compute_similarity() if hasattr(host, "method") else host.compute_similarity("item")


def test_neighbours_of_users_are_refused() -> None:
    with pytest.raises(ConfigError, match="knn_method is 'user'"):
        ItemKNN({**CONFIG, "k": 5, "shrink": 0.0, "knn_method": "user"}, Data(random_matrix()))


def models(matrix: sp.csr_matrix, **keys: Any) -> tuple[ItemKNN, HostItemKNN]:
    config = {**CONFIG, **keys}
    return ItemKNN(config, Data(matrix)), HostItemKNN(config, Data(matrix))


def test_by_hand() -> None:
    # Item 1: users 1, 2; item 2: users 1, 2, 3; item 3: user 3.
    matrix = sp.csr_matrix(
        np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]], dtype=np.float32)
    )
    plain = cosine_neighbours(matrix, 3).toarray()
    one_two, two_three = 2 / math.sqrt(2 * 3), 1 / math.sqrt(3)
    expected = [[0, 0, 0, 0], [0, 0, one_two, 0], [0, one_two, 0, two_three], [0, 0, two_three, 0]]
    assert plain == pytest.approx(np.array(expected), abs=2e-6)
    shrunk = cosine_neighbours(matrix, 3, shrink=2.0).toarray()
    assert shrunk[1, 2] == pytest.approx(2 / (math.sqrt(6) + 2), abs=1e-6)
    # One neighbour each: that of item 2 is item 1, which stands in column 2.
    nearest = cosine_neighbours(matrix, 1).toarray()
    assert [list(np.flatnonzero(column)) for column in nearest.T] == [[], [2], [1], [2]]


def test_of_equally_similar_items_the_smaller_ids_are_neighbours() -> None:
    # One user with five items: all are as similar to each other.
    matrix = sp.csr_matrix(np.array([[0] * 6, [0] + [1] * 5], dtype=np.float32))
    neighbours = cosine_neighbours(matrix, 2)
    assert [neighbours[:, item].nonzero()[0].tolist() for item in range(6)] == [
        [],
        [2, 3],
        [1, 3],
        [1, 2],
        [1, 2],
        [1, 2],
    ]


@pytest.mark.parametrize("k", [1, 5, 49, 500])
@pytest.mark.parametrize("shrink", [0.0, 3.5])
def test_similarities_are_recboles(k: int, shrink: float) -> None:
    matrix = random_matrix()
    ours = cosine_neighbours(matrix, k, shrink).toarray()
    _, host = _host_similarities(matrix, k, shrink)
    # Which of several equally similar items is the last neighbour is arbitrary in RecBole: values only.
    assert np.abs(np.sort(ours, axis=0) - np.sort(host.toarray(), axis=0)).max() <= 1e-6


@pytest.mark.parametrize("shrink", [0.0, 3.5])
def test_scores_are_recboles_without_ties(shrink: float) -> None:
    matrix = random_matrix()
    weighted = matrix.copy()
    weighted.data = np.random.default_rng(1).random(matrix.nnz).astype(np.float32) + 0.5
    ours, host = models(weighted, k=7, shrink=shrink)
    users, items = torch.arange(80).repeat_interleave(50), torch.arange(50).repeat(80)
    pairs = Interaction({"user": users, "item": items})
    whole = ours.full_sort_predict(Interaction({"user": torch.arange(80)}))
    assert whole.dtype == torch.float32
    torch.testing.assert_close(
        whole, host.full_sort_predict({"user": torch.arange(80)}), rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(ours.predict(pairs), whole, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.predict(pairs), host.predict(pairs), rtol=1e-6, atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = random_matrix()
    whole = cosine_neighbours(matrix, 5)
    monkeypatch.setattr("recbole_ext.model.kernels.nearest_rows._ROWS", 7)
    assert (cosine_neighbours(matrix, 5) != whole).nnz == 0


@pytest.mark.parametrize("mkl", [True, False])
def test_the_dense_product_is_scipys(mkl: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if mkl and not torch.backends.mkl.is_available():
        pytest.skip("torch was built without MKL")
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    left, right = random_matrix(6, 50, seed=1), random_matrix(50, 30, seed=2)
    for rows in (left, left[:0], left[:1]):
        product = sparse_product.dense_product(rows, right)
        assert product.shape == (rows.shape[0], 30)
        assert np.array_equal(product.numpy(), (rows @ right).toarray())
