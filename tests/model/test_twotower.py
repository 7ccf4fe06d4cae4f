"""Two towers: length one, logQ correction, profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.data.content.people import user_profiles
from recbole_ext.errors import DataError
from recbole_ext.model.sequential_recommender.twotower import TwoTower
from tests.conformance.contract import USERS, overrides, write_walks


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_walks(tmp_path_factory.mktemp("walks"))
    lines = ["user_id:token\tage:token\tgender:token"]
    lines += [f"u{user}\t{18 + user % 40}\t{'MF'[user % 2]}" for user in range(USERS)]
    (folder / "walks" / "walks.user").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def built(home: Path, **values: Any) -> tuple[Any, Any, Any]:
    config = build_config(TwoTower, None, (), {**overrides("TwoTower", home), **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    return TwoTower(config, data.dataset).double().eval(), config, data


def test_the_score_is_a_cosine(home: Path) -> None:
    model, _, data = built(home, temperature=0.5)
    batch = next(iter(data.test)).interaction
    torch.testing.assert_close(model.item_embeddings().norm(dim=1), torch.ones(model.n_items).double())
    scores = model.full_sort_predict(batch)
    assert (scores.abs() <= 1 / 0.5 + 1e-9).all()


def test_the_loss_is_a_sum_over_draws_written_out(home: Path) -> None:
    """-s₊ + log(exp s₊ + Σ_j exp(s_j - log E_j)) over the draws that are not the target."""
    model, config, data = built(home, in_batch_negatives=3, uniform_negatives=4)
    batch = next(iter(train_loader(config, data, TwoTower)))
    torch.manual_seed(7)
    found = model.calculate_loss(batch)
    asked = batch["target_seq"] > 0
    targets = batch["target_seq"][asked].tolist()
    torch.manual_seed(7)
    drawn = model._drawn(batch["target_seq"][asked])[0].tolist()
    assert len(drawn) == 7
    assert set(drawn[:3]) <= set(targets)
    counts = np.bincount(data.dataset.inter_feat["item_id"].numpy(), minlength=model.n_items)
    known = np.count_nonzero(counts)
    states = model.encode(batch["item_id_list"], batch["item_length"], batch["user_id"])[asked]
    items = model.item_embeddings().detach()
    losses = []
    for state, target in zip(states.detach(), targets, strict=True):
        wanted = float(state @ items[target])
        total = np.exp(wanted)
        for item in drawn:
            if item != target:
                expected = 3 * counts[item] / counts.sum() + 4 * (counts[item] > 0) / known
                total += np.exp(float(state @ items[item])) / expected
        losses.append(np.log(total) - wanted)
    assert float(found.detach()) == pytest.approx(np.mean(losses), rel=1e-5)


def test_who_somebody_is_counts_where_it_is_named(home: Path) -> None:
    model, _, data = built(home, user_features=["age", "gender"])
    batch = next(iter(data.test)).interaction
    one, other = batch.interaction, dict(batch.interaction)
    first = model.encode(one["item_id_list"], one["item_length"], one["user_id"])
    other["user_id"] = torch.zeros_like(other["user_id"])  # somebody whom nobody knows
    assert not torch.allclose(
        first, model.encode(other["item_id_list"], other["item_length"], other["user_id"])
    )
    plain, _, _ = built(home)
    first = plain.encode(one["item_id_list"], one["item_length"], one["user_id"])
    assert torch.equal(first, plain.encode(other["item_id_list"], other["item_length"], other["user_id"]))


def test_profiles_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "toy.user"
    path.write_text("user_id:token\tgender:token\tcity:token\nb\tF\tx\na\tM\tx\n", encoding="utf-8")
    tokens = np.array(["[PAD]", "a", "b", "c"], dtype=object)
    np.testing.assert_array_equal(user_profiles(path, ["gender"], tokens), [[0, 0], [0, 1], [1, 0], [0, 0]])
    with pytest.raises(DataError, match=r"names city, but .* the same for every user"):
        user_profiles(path, ["city"], tokens)
    with pytest.raises(DataError, match=r"names age, but .* has user_id, gender, city"):
        user_profiles(path, ["age"], tokens)
