"""ItemKNN by sparse products, against RecBole's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recbole_ext import _compat

_compat.apply()

from recbole.data.interaction import Interaction  # noqa: E402
from recbole.model.general_recommender.itemknn import ComputeSimilarity  # noqa: E402
from recbole.model.general_recommender.itemknn import ItemKNN as HostItemKNN  # noqa: E402

from recbole_ext.config import build_config  # noqa: E402
from recbole_ext.data.build import prepare_data  # noqa: E402
from recbole_ext.model.general_recommender.itemknn import ItemKNN, item_similarities  # noqa: E402


def test_by_hand() -> None:
    """Items 1 and 2 share two of their 2 and 3 users, items 1 and 3 one, and items 2 and 3 one."""
    rows = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3)]
    users, items = zip(*rows, strict=True)
    matrix = sp.csr_matrix((np.ones(6, dtype=np.float32), (users, items)), shape=(4, 4))
    found = item_similarities(matrix, k=1, shrink=1).toarray()
    assert found[1] == pytest.approx([0, 0, 2 / (math.sqrt(6) + 1), 0], abs=1e-5)
    assert found[2] == pytest.approx([0, 2 / (math.sqrt(6) + 1), 0, 0], abs=1e-5)
    # 1 / (√2 + 1) with item 1 is more than 1 / (√3 + 1) with item 2.
    assert found[3] == pytest.approx([0, 1 / (math.sqrt(2) + 1), 0, 0], abs=1e-5)
    assert not found[0].any()


@pytest.mark.parametrize(("k", "shrink"), [(5, 0.0), (20, 0.0), (20, 10.0), (500, 3.0)])
def test_the_similarities_are_those_of_recbole(k: int, shrink: float) -> None:
    rng = np.random.default_rng(0)
    # Ratings, so that hardly any two similarities are equal and the choice of the last neighbour is no chance.
    matrix = sp.random(200, 120, density=0.1, random_state=1, format="csr", dtype=np.float32)
    matrix.data = rng.uniform(0.5, 5, len(matrix.data)).astype(np.float32)
    _, theirs = ComputeSimilarity(matrix, topk=k, shrink=shrink).compute_similarity("item")
    ours = item_similarities(matrix, k=k, shrink=shrink).T
    assert abs(ours - theirs).max() < 1e-6
    assert (ours != 0).sum() == (theirs != 0).sum()


def test_equal_vectors_do_not_crowd_out_the_neighbour() -> None:
    """Three items with the same users: each has the two others, at a similarity equal to its own."""
    matrix = sp.csr_matrix(np.array([[0, 1, 1, 1], [0, 1, 1, 1]], dtype=np.float32))
    found = item_similarities(matrix, k=1)
    assert (np.diff(found.indptr) == [0, 1, 1, 1]).all()
    assert not found.diagonal().any()


def test_scores_are_those_of_recbole(quick: dict[str, Any]) -> None:
    config = build_config(ItemKNN, None, (), {**quick, "k": 20, "shrink": 1.0})
    dataset = prepare_data(config).dataset
    ours, theirs = ItemKNN(config, dataset), HostItemKNN(config, dataset)
    users = torch.arange(1, dataset.user_num)
    catalogue = ours.full_sort_predict(Interaction({"user_id": users}))
    torch.testing.assert_close(catalogue, theirs.full_sort_predict(Interaction({"user_id": users})))
    pairs = Interaction({"user_id": users[:20], "item_id": torch.arange(1, 21)})
    torch.testing.assert_close(ours.predict(pairs), theirs.predict(pairs).float())
