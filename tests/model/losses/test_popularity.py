"""Negatives by popularity, their logQ, weights by inverse propensity, and the keys that would be ignored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recbole.model.general_recommender.bpr import BPR as HostBPR

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.errors import ConfigError
from recbole_ext.model.general_recommender.bpr import BPR
from recbole_ext.model.general_recommender.random import Random
from recbole_ext.model.losses.popularity import (
    ItemWeights,
    NegativeDistribution,
    check_debiasing,
    inverse_propensity_weights,
    train_counts,
)
from recbole_ext.model.sequential_recommender.gru4rec import GRU4Rec
from recbole_ext.trainer.train import train

BPR_PATH = "recbole_ext.model.general_recommender.bpr:BPR"


def test_weights_by_hand() -> None:
    counts = np.array([0, 16, 4, 1])
    raw = inverse_propensity_weights(counts, power=0.5, normalise=False)
    assert raw[1:].tolist() == [1, 2, 4]
    clipped = inverse_propensity_weights(counts, power=0.5, clip=3, normalise=False)
    assert clipped[1:].tolist() == [1, 2, 3]
    # mean over the 21 interactions: (16 * 1 + 4 * 2 + 1 * 3) / 21
    assert inverse_propensity_weights(counts, power=0.5, clip=3)[3] == pytest.approx(3 * 21 / 27)


@given(
    counts=st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any),
    power=st.floats(0, 2),
    clip=st.none() | st.floats(1, 100),
)
def test_weights_have_mean_1_over_the_interactions_and_rarer_is_heavier(
    counts: list[int], power: float, clip: float | None
) -> None:
    weight = inverse_propensity_weights(np.array(counts), power=power, clip=clip)
    assert np.average(weight, weights=counts) == pytest.approx(1)
    assert (np.diff(weight[np.argsort(counts)]) <= 1e-9).all()
    assert np.isfinite(weight).all()


@pytest.mark.parametrize(
    ("power", "clip"), [(-1.0, None), (float("nan"), None), (1.0, 0.5), (1.0, float("inf"))]
)
def test_weights_out_of_range(power: float, clip: float | None) -> None:
    with pytest.raises(ConfigError, match="ips_"):
        inverse_propensity_weights(np.array([0, 1]), power=power, clip=clip)


class TestNegativeDistribution:
    def test_log_q_by_hand(self) -> None:
        # roots 0 (padding), 3, 1, and an item that nobody has
        q = NegativeDistribution(np.array([0, 9, 1, 0]), 0.5)
        assert q.log_q.exp().tolist() == pytest.approx([0, 0.75, 0.25, 0])
        assert q.log_expected(torch.tensor([1, 2])).exp().tolist() == pytest.approx([1.5, 0.5])
        uniform = NegativeDistribution(np.array([0, 9, 1, 0]))
        assert uniform.log_q.exp().tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])

    @pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
    def test_draws_follow_it(self, alpha: float) -> None:
        torch.manual_seed(0)
        q = NegativeDistribution(np.array([5, 9, 1, 0, 4]), alpha)
        share = torch.bincount(q.draw(200, 1000).flatten(), minlength=5) / 200_000
        # four standard deviations of a share are below .005
        torch.testing.assert_close(share, q.log_q.exp(), rtol=0, atol=0.005)
        assert share[0] == 0
        assert (share[3] == 0) == (alpha > 0)

    def test_a_change_of_precision_changes_no_draw(self) -> None:
        draws = []
        for kind in (torch.float16, torch.float64):
            torch.manual_seed(3)
            draws.append(NegativeDistribution(np.arange(50), 0.75).to(kind).draw(500))
        assert torch.equal(*draws)

    def test_bad_input(self) -> None:
        with pytest.raises(ConfigError, match="sampling_alpha"):
            NegativeDistribution(np.array([0, 1]), -1)
        with pytest.raises(ConfigError, match="no item"):
            NegativeDistribution(np.array([0, 0]), 1.0)


def built(kind: type, quick: dict[str, Any], **values: Any) -> Any:
    config = build_config(kind, None, (), {**quick, **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    return kind(config, data.dataset), train_loader(config, data, kind), data


def test_train_counts_are_those_of_the_split(quick: dict[str, Any]) -> None:
    _, _, data = built(BPR, quick)
    assert np.array_equal(train_counts(data.dataset), data.split.train_counts())


class TestWeightedBpr:
    def test_without_weights_it_is_recboles(self, quick: dict[str, Any]) -> None:
        (ours, loader, _), (host, _, _) = built(BPR, quick), built(HostBPR, quick)
        host.load_state_dict(ours.state_dict())
        batch = next(iter(loader))
        assert ours.calculate_loss(batch).item() == host.calculate_loss(batch).item()

    def test_each_pair_has_the_weight_of_its_positive(self, quick: dict[str, Any]) -> None:
        (model, loader, data), (plain, _, _) = built(BPR, quick, ips_power=0.5, ips_clip=2), built(BPR, quick)
        plain.load_state_dict(model.state_dict())
        batch = next(iter(loader))
        weight = inverse_propensity_weights(data.split.train_counts(), power=0.5, clip=2)
        losses = [plain.calculate_loss(batch[row : row + 1]).item() for row in range(len(batch))]
        expected = np.mean(weight[batch["item_id"].numpy()] * losses)
        assert model.calculate_loss(batch).item() == pytest.approx(expected, rel=1e-5)

    def test_it_trains(self, quick: dict[str, Any], tmp_path: Any) -> None:
        values = {**quick, "ips_power": 0.5, "ips_clip": 5, "sampling_alpha": 0.5}
        assert train(BPR_PATH, overrides=values, output=tmp_path / "run").test.means["ndcg@10"] > 0


def test_a_clip_without_a_power_is_refused(quick: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="ips_power"):
        build_config(BPR, None, (), {**quick, "ips_clip": 5})


def test_keys_that_a_model_would_ignore(quick: dict[str, Any]) -> None:
    model, _, _ = built(Random, quick)
    config = {"ips_power": 0.0, "sequence_loss": "full_softmax", "label_smoothing": 0.0}
    check_debiasing(model, config)
    with pytest.raises(ConfigError, match="Random does not weight by propensity"):
        check_debiasing(model, {**config, "ips_power": 0.5})
    with pytest.raises(ConfigError, match="Random does not train at all positions"):
        check_debiasing(model, {**config, "sequence_loss": "gbce"})
    with pytest.raises(ConfigError, match=r"label_smoothing is 0\.1, but Random"):
        check_debiasing(model, {**config, "label_smoothing": 0.1})
    sequential, _, _ = built(GRU4Rec, quick)
    check_debiasing(sequential, {"ips_power": 0.5, "sequence_loss": "gbce"})
    assert any(isinstance(module, ItemWeights) for module in sequential.modules())


def test_prefixes_take_no_part(quick: dict[str, Any]) -> None:
    model, loader, _ = built(GRU4Rec, quick, sequence_training="prefixes", sequence_loss="bpr")
    with pytest.raises(ConfigError, match="all_positions"):
        model.calculate_loss(next(iter(loader)))


@pytest.mark.parametrize("loss", ["sampled_softmax", "gbce", "bpr"])
def test_gru4rec_trains_with_each_loss(loss: str, quick: dict[str, Any], tmp_path: Any) -> None:
    small = {"epochs": 30, "learning_rate": 0.02, "eval_step": 30, "hidden_size": 16, "embedding_size": 16}
    values = {**quick, **small, "sequence_loss": loss, "loss_negatives": 10}
    result = train("GRU4Rec", overrides=values, output=tmp_path / "run")
    assert result.test.means["ndcg@5"] > 0.8
