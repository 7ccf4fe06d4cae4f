"""MLP: scores of pairs and of the catalogue agree, and each of its losses is what it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.errors import ConfigError
from recbole_ext.model.general_recommender.mlp import MLP
from recbole_ext.model.losses.popularity import inverse_propensity_weights
from recbole_ext.model.losses.positive_weight import set_positive_weight
from recbole_ext.trainer.train import train
from tests.conftest import write_inter

PATH = "recbole_ext.model.general_recommender.mlp:MLP"


def built(quick: dict[str, Any], **values: Any) -> Any:
    config = build_config(MLP, None, (), {**quick, "dropout_prob": 0.0, **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    model = MLP(config, data.dataset)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model, next(iter(train_loader(config, data, MLP))), data


@pytest.mark.parametrize("hidden", [[5], [16, 8, 4]])
@pytest.mark.parametrize("chunk_bytes", [1, 700, 10**8])
def test_the_catalogue_is_scored_like_its_pairs(
    quick: dict[str, Any], hidden: list[int], chunk_bytes: int
) -> None:
    model, _, _ = built(quick, mlp_hidden_size=hidden)
    model.eval()
    model.chunk_bytes = chunk_bytes
    users = torch.arange(1, 12)
    with torch.no_grad():
        full = model.full_sort_predict(Interaction({"user_id": users})).view(len(users), -1)
        items = torch.arange(model.n_items)
        pairs = Interaction(
            {"user_id": users.repeat_interleave(len(items)), "item_id": items.repeat(len(users))}
        )
        torch.testing.assert_close(full.flatten(), model.predict(pairs), rtol=0, atol=1e-5)
    assert full.std() > 0.1


def test_a_score_by_hand(quick: dict[str, Any]) -> None:
    model, _, _ = built(quick, embedding_size=1, mlp_hidden_size=[2])
    with torch.no_grad():
        model.user_embedding.weight[1], model.item_embedding.weight[2] = 2.0, 3.0
        model.first.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        model.first.bias.copy_(torch.tensor([0.5, 0.0]))
        model.rest[-1].weight.copy_(torch.tensor([[2.0, 100.0]]))
        model.rest[-1].bias.copy_(torch.tensor([-1.0]))
    # hidden: relu(5.5), relu(-1); score 2 * 5.5 - 1
    assert model(torch.tensor([1]), torch.tensor([2])).item() == pytest.approx(10.0)


def scores(model: MLP, batch: Any) -> torch.Tensor:
    return model(batch["user_id"], batch["item_id"]).detach().double()


def test_point_wise_with_weights(quick: dict[str, Any]) -> None:
    model, batch, data = built(quick, ips_power=0.5, ips_clip=1.5)
    set_positive_weight(model, 3.0)
    weight = inverse_propensity_weights(data.split.train_counts(), power=0.5, clip=1.5)
    positive = batch["label"] == 1
    assert positive.sum() * 5 == len(batch)
    factor = np.where(positive, 3 * weight[batch["item_id"]], 1)
    raw = binary_cross_entropy_with_logits(scores(model, batch), batch["label"].double(), reduction="none")
    assert model.calculate_loss(batch).item() == pytest.approx((raw.numpy() * factor).mean(), rel=1e-5)


def by_positive(model: MLP, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of each positive, and of the rows of the same user that were drawn for it."""
    positives = int(batch["label"].sum())
    users = batch["user_id"].view(-1, positives)
    assert (users == users[0]).all()
    table = scores(model, batch).view(-1, positives)
    return table[0], table[1:]


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_pair_wise(quick: dict[str, Any], power: float) -> None:
    model, batch, data = built(quick, loss_type="BPR", sample_num=3, ips_power=power)
    liked, others = by_positive(model, batch)
    weight = inverse_propensity_weights(data.split.train_counts(), power=power)
    pairs = -logsigmoid(liked - others).mean(0)
    expected = (pairs.numpy() * weight[batch["item_id"][: len(liked)]]).mean()
    assert model.calculate_loss(batch).item() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ConfigError, match="no point-wise loss"):
        set_positive_weight(model, 2.0)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("corrects", [True, False])
def test_list_wise(quick: dict[str, Any], alpha: float, corrects: bool) -> None:
    keys = {"sample_num": 6, "sampling_alpha": alpha, "logq_correction": corrects}
    model, batch, data = built(quick, loss_type="sampled_softmax", **keys)
    liked, others = by_positive(model, batch)
    phi = data.split.train_counts()[1:].astype(float) ** alpha
    losses = []
    for column, (one, rest) in enumerate(zip(liked, others.T, strict=True)):
        user = int(batch["user_id"][column])
        known = set(data.dataset.inter_feat["item_id"][data.dataset.inter_feat["user_id"] == user].tolist())
        allowed = sum(weight for item, weight in enumerate(phi, start=1) if item not in known)
        drawn = batch["item_id"].view(-1, len(liked))[1:, column]
        q = [phi[item - 1] / allowed for item in drawn.tolist()]
        terms = [math.exp(s) / (6 * share if corrects else 1) for s, share in zip(rest, q, strict=True)]
        losses.append(math.log(math.exp(one) + sum(terms)) - float(one))
    assert model.calculate_loss(batch).item() == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("loss", ["BCE", "BPR", "sampled_softmax"])
def test_it_trains(quick: dict[str, Any], tmp_path: Path, loss: str) -> None:
    values = {**quick, "loss_type": loss, "sampling_alpha": 0.5, "ips_power": 0.5}
    result = train(PATH, overrides=values, output=tmp_path / "run")
    assert np.isfinite([epoch["loss"] for epoch in result.epochs]).all()


def test_it_learns_who_belongs_to_which_items(quick: dict[str, Any], tmp_path: Path) -> None:
    """Two groups of users and films: of 17 unseen films, the 5 of the own group hold the target."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{12 * (user % 2) + item}", 1.0, 100 + time)
        for user in range(60)
        for time, item in enumerate(rng.permutation(12)[:8])
    ]
    write_inter(tmp_path, "groups", rows)
    values = {**quick, "data_path": str(tmp_path), "dataset": "groups", "topk": [5], "valid_metric": "NDCG@5"}
    # Small, so that it cannot learn by heart which films each user has seen.
    more = {
        "epochs": 20,
        "eval_step": 20,
        "learning_rate": 0.02,
        "embedding_size": 8,
        "mlp_hidden_size": [16],
    }
    assert train(PATH, overrides={**values, **more}, output=tmp_path / "run").test.means["hit@5"] > 0.95


@pytest.mark.parametrize(
    ("key", "value"), [("loss_type", "CE"), ("mlp_hidden_size", []), ("mlp_hidden_size", [0])]
)
def test_bad_values(quick: dict[str, Any], key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key):
        built(quick, **{key: value})


def test_a_user_who_knows_every_trained_item_has_a_finite_loss(quick: dict[str, Any], tmp_path: Path) -> None:
    # i6 and i7 are only held out: with negatives by popularity they are never drawn, but a knows all the others.
    rows = [("a", f"i{k}", 5, k) for k in range(8)]
    rows += [("b", item, 5, k) for k, item in enumerate(["i0", "i1", "i2", "i6", "i7"])]
    write_inter(tmp_path, "toy", rows)
    values = {
        "data_path": str(tmp_path),
        "dataset": "toy",
        "sample_num": 3,
        "sampling_alpha": 0.5,
        "topk": [2],
    }
    values["valid_metric"] = "NDCG@2"
    model, batch, _ = built(quick, loss_type="sampled_softmax", **values)
    liked, others = by_positive(model, batch)
    losses = []
    phi = [math.sqrt(2)] * 3 + [1.0] * 3  # of i0 to i5 in training
    for column, (one, rest) in enumerate(zip(liked, others.T, strict=True)):
        # a's negatives are i6 and i7, each as likely; b's are i3 to i5 out of the trained items.
        is_a = int(batch["user_id"][column]) == 1
        drawn = batch["item_id"].view(-1, len(liked))[1:, column].tolist()
        q = [1 / 2 if is_a else phi[item - 1] / sum(phi[3:]) for item in drawn]
        terms = [math.exp(s) / (3 * share) for s, share in zip(rest, q, strict=True)]
        losses.append(math.log(math.exp(one) + sum(terms)) - float(one))
    assert model.calculate_loss(batch).item() == pytest.approx(np.mean(losses), rel=1e-4)
