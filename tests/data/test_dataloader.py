from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_ext.config.build import build_config
from recbole_ext.data.build import loader_class, prepare_data, train_loader
from recbole_ext.data.dataloader import PositiveLoader, PrefixLoader, UserLoader
from recbole_ext.data.interactions import TRAIN
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.model.registry import resolve_model
from recbole_ext.trainer.train import train
from tests.conftest import write_inter


def load(name: str, overrides: dict[str, object]):
    _, model = resolve_model(name)
    config = build_config(model, None, [], overrides)
    data = prepare_data(config)
    return config, model, data, train_loader(config, data, model)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("BPR", PositiveLoader), ("GRU4Rec", WindowLoader), ("NARM", PrefixLoader), ("MultiVAE", UserLoader)],
)
def test_each_kind_of_model_gets_its_loader(quick, model, kind):
    _, model_class = resolve_model(model)
    assert loader_class(build_config(model_class, None, [], quick), model_class) is kind


def test_prefixes_are_recboles_with_every_target_once(quick):
    config, _, data, loader = load("NARM", quick)
    interactions, split = data.split.interactions, data.split
    found = Counter()
    for batch in loader:
        for user, target, window, length in zip(
            batch["user_id"], batch["item_id"], batch["item_id_list"], batch["item_length"], strict=True
        ):
            found[int(user), int(target), tuple(window[:length].tolist())] += 1
            assert window[length:].sum() == 0
    expected = Counter()
    for user in range(1, interactions.n_users):
        rows = range(interactions.indptr[user], interactions.indptr[user + 1])
        train = [int(interactions.items[row]) for row in rows if split.phase[row] == TRAIN]
        for t in range(1, len(train)):
            expected[user, train[t], tuple(train[max(0, t - 8) : t])] += 1
    assert found == expected


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(4, 40),
    width=st.integers(2, 9),
    seed=st.integers(0, 3),
    kind=st.sampled_from(["by_length", "random"]),
)
def test_windows_answer_for_every_target_exactly_once(tmp_path_factory, length, width, seed, kind):
    home = tmp_path_factory.mktemp("windows")
    write_inter(home, "toy", [(u, f"i{k:02}", 3, k) for u in "ab" for k in range(length)])
    overrides = {
        "data_path": str(home),
        "dataset": "toy",
        "MAX_ITEM_LIST_LENGTH": width,
        "topk": [1],
        "valid_metric": "NDCG@1",
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "train_batch_size": 3 * width,
        "window_batches": kind,
        "seed": seed,
        "use_gpu": False,
    }
    _, _, data, loader = load("GRU4Rec", overrides)
    for _ in range(2):
        answered = Counter()
        for batch in loader:
            for user, window, target in zip(
                batch["user_id"].tolist(),
                batch["item_id_list"].tolist(),
                batch["target_seq"].tolist(),
                strict=True,
            ):
                for given_item, wanted in zip(window, target, strict=True):
                    if wanted:
                        # items are numbered in time, so that the target follows its input
                        assert wanted == given_item + 1
                        answered[user, wanted] += 1
        # the first item has no context; the last two are held out
        assert answered == Counter({(user, item): 1 for user in (1, 2) for item in range(2, length - 1)})


@pytest.mark.parametrize("num", [1, 3])
def test_pairs_and_points_carry_the_negatives_asked_for(quick, num):
    config, _, data, loader = load("BPR", {**quick, "sample_num": num})
    seen = data.dataset.inter_matrix(form="csr").toarray()
    rows = 0
    for batch in loader:
        users, negatives = batch["user_id"].numpy(), batch["neg_item_id"].numpy()
        assert not seen[users, negatives].any()
        assert (negatives > 0).all()
        rows += len(users)
    assert rows == num * len(data.split.rows(TRAIN))
    _, _, data, loader = load("NeuMF", {**quick, "sample_num": num})
    labels = np.concatenate([batch["label"].numpy() for batch in loader])
    assert labels.sum() * (num + 1) == len(labels)


def test_sequential_pairs_have_negatives_too(quick):
    _, _, data, loader = load("NARM", {**quick, "loss_type": "BPR", "sample_num": 2})
    batch = next(iter(loader))
    seen = data.dataset.inter_matrix(form="csr").toarray()
    assert not seen[batch["user_id"].numpy(), batch["neg_item_id"].numpy()].any()
    half = len(batch) // 2
    assert batch["item_id_list"][:half].equal(batch["item_id_list"][half:])


def test_the_state_continues_the_random_stream(quick):
    _, _, _, loader = load("BPR", quick)
    state = loader.state()
    first = [batch["neg_item_id"].tolist() for batch in loader]
    loader.set_state(state)
    assert [batch["neg_item_id"].tolist() for batch in loader] == first


def test_an_evaluation_batch_holds_no_target(quick):
    _, _, data, _ = load("GRU4Rec", quick)
    for batch in data.test:
        assert "item_id" not in batch.interaction.interaction
        for row, user in enumerate(batch.users):
            start, stop = data.test.start[user], data.test.stop[user]
            history = data.split.interactions.items[start:stop]
            length = int(batch.interaction["item_length"][row])
            assert batch.interaction["item_id_list"][row][:length].tolist() == history[-8:].tolist()
            assert sorted(batch.seen_items[batch.seen_rows == row].tolist()) == sorted(history.tolist())
            assert batch.target_items[batch.target_rows == row].tolist() == [
                data.split.interactions.items[stop]
            ]


def test_repeats_need_unmasked_evaluation_and_k_fits_the_catalogue(quick, tmp_path):
    write_inter(tmp_path, "again", [("u", item, 3, time) for time, item in enumerate("abab")])
    overrides = {
        **quick,
        "data_path": str(tmp_path),
        "dataset": "again",
        "topk": [1],
        "valid_metric": "NDCG@1",
    }
    with pytest.raises(ConfigError, match="mask_seen: false"):
        load("Pop", overrides)
    load("Pop", {**overrides, "mask_seen": False})
    with pytest.raises(ConfigError, match="topk asks for 500 items"):
        load("Pop", {**quick, "topk": [500], "valid_metric": "NDCG@500"})


@pytest.mark.parametrize("model", ["GRU4Rec", "SASRec", "Caser", "MLPSeq", "NARM"])
def test_histories_of_one_item_are_refused_by_models_that_need_two(model: str, tmp_path: Path) -> None:
    # Two of each user's three items are held out.
    write_inter(tmp_path, "toy", [(u, f"i{k:02}", 3, k) for u in "abc" for k in range(3)])
    overrides = {"data_path": str(tmp_path), "min_user_interactions": 1, "min_item_interactions": 1}
    overrides |= {"topk": [1], "valid_metric": "NDCG@1"}
    with pytest.raises(DataError, match="toy leaves nothing to train on: no user has 2 interactions"):
        train(model, "toy", overrides=overrides, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_targets_are_those_of_the_users_that_are_ranked(quick) -> None:
    _, _, data, _ = load("Pop", quick)
    whole = data.test.n_targets
    data.test.users = data.test.users[:3]
    assert data.test.n_targets == 3 < whole
    assert sum(len(batch.target_rows) for batch in data.test) == 3
