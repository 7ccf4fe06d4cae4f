"""PersonalTopK: the formula by hand, the tiers, and no difference between its two forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.model.general_recommender.personaltopk import PersonalTopK
from recbole_ext.trainer.train import train
from tests.conftest import write_inter

PATH = "recbole_ext.model.general_recommender.personaltopk:PersonalTopK"

# Training, oldest first; two more of each user are held out.
HISTORIES = {"u1": "aba", "u2": "bbc", "u3": "ccc", "u4": "d"}
GENRES = {"a": "Drama", "b": "Drama Comedy", "c": "Comedy", "d": "War", "e": ""}


@pytest.fixture
def toy(tmp_path: Path) -> dict[str, Any]:
    """Four users with repeats; the held-out items are e, which nobody has in training."""
    rows = [
        (user, item, 4.0, 100 + time)
        for user, history in HISTORIES.items()
        for time, item in enumerate(history + "ee")
    ]
    write_inter(tmp_path, "toy", rows)
    lines = ["item_id:token\tgenres:token_seq", *(f"{item}\t{names}" for item, names in GENRES.items())]
    (tmp_path / "toy" / "toy.item").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "data_path": str(tmp_path),
        "dataset": "toy",
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "topk": [2],
        "valid_metric": "NDCG@2",
        "mask_seen": False,
        "recency_decay": 0.5,
        "use_gpu": False,
    }


def built(values: dict[str, Any], **more: Any) -> Any:
    config = build_config(PersonalTopK, None, (), {**values, **more})
    data = prepare_data(config)
    return PersonalTopK(config, data.dataset), data


def scores_of(values: dict[str, Any], user: str, **more: Any) -> dict[str, float]:
    model, data = built(values, **more)
    users = torch.tensor([data.dataset.token2id("user_id", user)])
    scores = model.full_sort_predict(Interaction({"user_id": users}))
    return {item: scores[data.dataset.token2id("item_id", item)].item() for item in GENRES}


def test_by_hand_with_repeats(toy: dict[str, Any]) -> None:
    # u1 has a, b, a with weights 1/4, 1/2, 1, sum 7/4. phi: a 2, b 3, c 4, d 1, e 0.
    # Profile: Drama (1/4 + 1/2 * 1/2 + 1) / (7/4) = 6/7, Comedy (1/4) / (7/4) = 1/7.
    assert scores_of(toy, "u1") == pytest.approx(
        {
            "a": 2 + 1.25 / 2.75,
            "b": 2 + 0.5 / 2.75,
            "c": 1 + 4 / 5 * 1 / 7,
            "d": 1 / 5,
            "e": 0,
        }
    )


def test_by_hand_where_seen_items_are_masked(toy: dict[str, Any]) -> None:
    distinct = {"u1": "ab", "u2": "bc", "u3": "c", "u4": "d"}
    rows = [
        (user, item, 4.0, 100 + time)
        for user, history in distinct.items()
        for time, item in enumerate(history + "ef")
    ]
    write_inter(Path(toy["data_path"]), "toy", rows)
    # u1: weights 1/2 and 1. Profile: Drama (1/2 + 1/2) / (3/2) = 2/3, Comedy 1/3. phi: a 1, b 2, c 2, d 1, e 0.
    assert scores_of(toy, "u1", mask_seen=True) == pytest.approx(
        {
            "a": 1 + 1 / 3 * 2 / 3,
            "b": 1 + 2 / 3 * (2 / 3 + 1 / 3) / 2,
            "c": 1 + 2 / 3 * 1 / 3,
            "d": 1 / 3,
            "e": 0,
        }
    )


def test_without_decay_it_is_the_users_frequency(toy: dict[str, Any]) -> None:
    scores = scores_of(toy, "u2", recency_decay=1.0)
    assert scores["b"] == pytest.approx(2 + 2 / 4)
    assert scores["c"] == pytest.approx(2 + 1 / 4)


def test_without_genres_it_is_popularity(toy: dict[str, Any]) -> None:
    (Path(toy["data_path"]) / "toy" / "toy.item").unlink()
    scores = scores_of(toy, "u4")
    assert scores == pytest.approx({"a": 2 / 5, "b": 3 / 5, "c": 4 / 5, "d": 2.5, "e": 0})


def test_a_user_without_training_interactions_gets_popularity(toy: dict[str, Any]) -> None:
    model, _ = built(toy)
    scores = model.full_sort_predict(Interaction({"user_id": torch.tensor([0])}))
    assert torch.isfinite(scores).all()
    assert (scores < 1).all()


def random_rows(seed: int) -> list[tuple[str, str, float, int]]:
    rng = np.random.default_rng(seed)
    return [
        (f"u{user}", f"i{item}", 1.0, 1000 + int(rng.integers(20)))
        for user in range(30)
        for item in (40 * rng.random(rng.integers(3, 40)) ** 2).astype(int)
    ]


@pytest.mark.parametrize("mask_seen", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_and_catalogue_agree_and_tiers_are_strict(
    toy: dict[str, Any], mask_seen: bool, seed: int
) -> None:
    rows = random_rows(seed)
    if mask_seen:
        rows = list({row[:2]: row for row in rows}.values())
    write_inter(Path(toy["data_path"]), "toy", rows)
    names = ["Drama", "War", "Comedy", ""]
    lines = ["item_id:token\tgenres:token_seq", *(f"i{n}\t{names[n % 4]}" for n in range(40))]
    (Path(toy["data_path"]) / "toy" / "toy.item").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model, data = built(toy, mask_seen=mask_seen)
    users, items = torch.arange(1, model.n_users), torch.arange(model.n_items)
    full = model.full_sort_predict(Interaction({"user_id": users})).view(len(users), -1)
    pairs = Interaction({"user_id": users.repeat_interleave(len(items)), "item_id": items.repeat(len(users))})
    torch.testing.assert_close(model.predict(pairs).view_as(full), full, rtol=0, atol=1e-12)
    owned = torch.zeros(model.n_users, model.n_items, dtype=torch.bool)
    feat = data.dataset.inter_feat
    owned[feat["user_id"], feat["item_id"]] = True
    owned = owned[1:]
    assert full.max() < 3
    assert full.min() >= 0
    if mask_seen:
        assert full.max() < 2
    else:
        assert (full[owned] >= 2).all()
        assert (full[~owned] < 2).all()


def test_long_histories_keep_their_items_in_the_first_tier(toy: dict[str, Any]) -> None:
    rows = [("u1", "old", 1.0, 1), *(("u1", "new", 1.0, 2 + n) for n in range(2000)), ("u2", "x", 1.0, 1)]
    rows += [("u2", "y", 1.0, 2), ("u2", "z", 1.0, 3)]
    write_inter(Path(toy["data_path"]), "toy", rows)
    model, data = built(toy)
    user = torch.tensor([data.dataset.token2id("user_id", "u1")])
    scores = model.full_sort_predict(Interaction({"user_id": user}))
    old, new = (data.dataset.token2id("item_id", name) for name in ("old", "new"))
    assert 2 <= scores[old] < scores[new] < 3


@pytest.mark.parametrize("mask_seen", [True, False])
def test_it_runs_and_repeats(quick: dict[str, Any], tmp_path: Path, mask_seen: bool) -> None:
    values = {**quick, "mask_seen": mask_seen}
    result, again = (train(PATH, overrides=values, output=tmp_path / name) for name in ("one", "two"))
    assert dict(again.test.means) == dict(result.test.means)
    assert np.array_equal(again.test.items, result.test.items)
    if not mask_seen:
        # every user walks on to new items: lists of the last items hold none of them
        assert result.test.means["hit@5"] == 0
