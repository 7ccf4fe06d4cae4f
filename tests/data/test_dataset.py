"""RecBole's dataset interface on the compressed interactions."""

from __future__ import annotations

import numpy as np
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.interactions import TRAIN
from recbole_ext.model.registry import resolve_model
from tests.conftest import cycle_rows


def test_the_training_part_is_what_recbole_would_hold(quick):
    _, model = resolve_model("BPR")
    config = build_config(model, None, [], {**quick, "load_col": {"item": ["item_id", "genres"]}})
    dataset = prepare_data(config).dataset
    # each of sixty users has twelve interactions in the order of time, of which the last two are held out
    rows = cycle_rows()
    expected = [row for place, row in enumerate(rows) if place % 12 < 10]
    feat = dataset.inter_feat
    assert [feat[name].dtype for name in ("user_id", "item_id", "rating", "timestamp")] == [
        torch.int64,
        torch.int64,
        torch.float32,
        torch.int64,
    ]
    tokens = zip(
        dataset.id2token("user_id", feat["user_id"].numpy()),
        dataset.id2token("item_id", feat["item_id"].numpy()),
        feat["rating"].tolist(),
        feat["timestamp"].tolist(),
        strict=True,
    )
    assert sorted(tokens) == sorted(expected)
    assert (dataset.num("user_id"), dataset.num("item_id"), dataset.inter_num) == (61, 21, 600)
    assert dataset.token2id("item_id", "i7") == list(dataset.field2id_token["item_id"]).index("i7")
    matrix = dataset.inter_matrix(form="csr", value_field="rating")
    user, item = dataset.token2id("user_id", rows[0][0]), dataset.token2id("item_id", rows[0][1])
    assert matrix[user, item] == 4.0
    assert matrix.nnz == 600
    assert len(dataset.item_feat) == 21
    assert dataset.join(feat[:3])["genres"].shape[0] == 3


def test_the_whole_set_shares_the_memory_of_its_interactions(quick):
    _, model = resolve_model("BPR")
    dataset = ExactDataset(build_config(model, None, [], quick))
    data = dataset.interactions
    for name, values in (("item_id", data.items), ("rating", data.ratings), ("timestamp", data.times)):
        assert np.shares_memory(dataset.inter_feat[name].to_numpy(), values)
    part = dataset.restricted_to(dataset.split(), TRAIN)
    # the whole stays a frame, and the part owns what models may write to
    assert len(dataset.inter_feat) == len(data)
    part.inter_feat["item_id"][:] = 0
    assert data.items.min() > 0
