"""Losses with drawn negatives: by hand, against what they approach, and inside the all-positions loss."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.full_softmax import full_softmax
from recbole_ext.model.losses.negatives import (
    bpr_all_positions,
    bpr_max,
    gbce,
    own_scores,
    sampled_softmax,
)
from recbole_ext.model.losses.popularity import NegativeDistribution
from recbole_ext.model.losses.sequence_loss import SequenceLoss, chosen_loss

KEYS: dict[str, Any] = {
    "sequence_loss": "full_softmax",
    "softmax_precision": "float32",
    "device": "cpu",
    "loss_negatives": 4,
    "loss_negatives_shared": True,
    "gbce_t": 0.75,
    "logq_correction": True,
    "sampling_alpha": 0.0,
    "ips_power": 0.0,
    "ips_clip": None,
    "batch_negatives": False,
    "bpr_max_penalty": 1.0,
    "bpr_max_elu": 0.5,
    "label_smoothing": 0.0,
    "sequence_training": "all_positions",
    "loss_type": "CE",
}
COUNTS = [0, 8, 4, 2, 1, 1]


def dataset(counts: list[int]) -> Any:
    items = np.repeat(np.arange(len(counts)), counts)
    return SimpleNamespace(inter_feat={"item_id": items}, iid_field="item_id", item_num=len(counts))


def case(rows: int = 7, n_items: int = 6, width: int = 3, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(rows, width, generator=generator, dtype=torch.float64).requires_grad_()
    items = torch.randn(n_items, width, generator=generator, dtype=torch.float64).requires_grad_()
    return output, items, torch.randint(1, n_items, (rows,), generator=generator)


class TestSampledSoftmax:
    def test_by_hand(self) -> None:
        # exp: positive 1, negatives 2 and 3, of which the second is a hit; expected counts 1/2 and 5
        positive = torch.tensor([0.0], dtype=torch.float64)
        negative = torch.tensor([[2.0, 3.0]], dtype=torch.float64).log()
        expected = torch.tensor([0.5, 5.0], dtype=torch.float64).log()
        hits = torch.tensor([[False, True]])
        assert sampled_softmax(positive, negative).item() == pytest.approx(math.log(6))
        assert sampled_softmax(positive, negative, hits=hits).item() == pytest.approx(math.log(3))
        both = sampled_softmax(positive, negative, log_expected=expected, hits=hits)
        assert both.item() == pytest.approx(math.log(1 + 2 / 0.5))

    def test_every_item_once_with_its_expected_count_is_the_full_softmax(self) -> None:
        output, items, targets = case()
        logits = output @ items[1:].T
        got = sampled_softmax(
            logits.gather(1, targets[:, None] - 1).squeeze(1),
            logits,
            log_expected=torch.zeros(5, dtype=torch.float64),
            hits=torch.arange(1, 6) == targets[:, None],
        )
        torch.testing.assert_close(got, cross_entropy(logits, targets - 1, reduction="none"))

    @pytest.mark.parametrize("alpha", [0.0, 0.75])
    def test_corrected_it_approaches_the_full_softmax_as_negatives_grow(self, alpha: float) -> None:
        output, items, targets = (part.detach() for part in case())
        full = cross_entropy(output @ items[1:].T, targets - 1)
        q = NegativeDistribution(np.array(COUNTS), alpha)
        torch.manual_seed(1)
        gaps = []
        for number in (10, 100_000):
            drawn = q.draw(number)
            loss = sampled_softmax(
                (output * items[targets]).sum(1),
                output @ items[drawn].T,
                log_expected=q.log_expected(drawn),
                hits=drawn == targets[:, None],
            ).mean()
            gaps.append(abs(loss.item() - full.item()))
        assert gaps[1] < min(0.01, gaps[0])

    def test_without_the_correction_popular_negatives_keep_it_away(self) -> None:
        output, items, targets = (part.detach() for part in case())
        full = cross_entropy(output @ items[1:].T, targets - 1)
        torch.manual_seed(1)
        drawn = NegativeDistribution(np.array(COUNTS), 1.0).draw(100_000)
        loss = sampled_softmax((output * items[targets]).sum(1), output @ items[drawn].T).mean()
        assert abs(loss - full) > 1

    def test_only_hits_leaves_no_loss(self) -> None:
        got = sampled_softmax(torch.tensor([3.0]), torch.tensor([[3.0]]), hits=torch.tensor([[True]]))
        assert got.item() == pytest.approx(0, abs=1e-6)


class TestGeneralisedCrossEntropy:
    @settings(deadline=None)
    @given(seed=st.integers(0, 2**31), number=st.integers(1, 5))
    def test_t_0_is_binary_cross_entropy(self, seed: int, number: int) -> None:
        logits = torch.randn(4, 1 + number, generator=torch.Generator().manual_seed(seed))
        labels = torch.zeros(4, 1 + number)
        labels[:, 0] = 1
        expected = binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(1)
        torch.testing.assert_close(gbce(logits[:, 0], logits[:, 1:], catalogue=50, t=0.0), expected)

    def test_by_hand(self) -> None:
        # sigma 3/4 and 1/4; 2 of 5 possible negatives: rate 2/5, beta = 2/5 (1/2 (1 - 5/2) + 5/2) = 7/10
        positive, negative = torch.tensor([math.log(3)]), torch.tensor([[-math.log(3)] * 2])
        got = gbce(positive, negative, catalogue=6, t=0.5)
        expected = -(0.7 * math.log(3 / 4) + 2 * math.log(3 / 4)) / 3
        assert got.item() == pytest.approx(expected)
        hits = torch.tensor([[True, False]])
        fewer = gbce(positive, negative, catalogue=6, t=0.5, hits=hits)
        assert fewer.item() == pytest.approx(-1.7 * math.log(3 / 4) / 3)

    def test_t_1_is_the_sampling_rate_beyond_1_as_well(self) -> None:
        positive, negative = torch.tensor([0.0]), torch.full((1, 2), -100.0)
        # the negatives' terms vanish, so that the loss is beta log 2 / 3
        assert gbce(positive, negative, catalogue=9, t=1.0).item() == pytest.approx(math.log(2) / 12)
        assert gbce(positive, negative, catalogue=2, t=1.0).item() == pytest.approx(2 * math.log(2) / 3)


class TestBpr:
    def test_by_hand(self) -> None:
        # differences 0 and log 3: losses log 2 and log 4/3
        positive, negative = torch.tensor([math.log(3)]), torch.tensor([[math.log(3), 0.0]])
        assert bpr_all_positions(positive, negative).item() == pytest.approx(math.log(8 / 3) / 2)
        hits = torch.tensor([[True, False]])
        assert bpr_all_positions(positive, negative, hits=hits).item() == pytest.approx(math.log(4 / 3))
        assert bpr_all_positions(positive, negative, hits=torch.tensor([[True, True]])).item() == 0


class TestOwnScores:
    @pytest.mark.parametrize("gathered", [0, 64], ids=["gathered", "among all"])
    @pytest.mark.parametrize("most", [1, 24, 10**6])
    def test_blocks_change_neither_scores_nor_gradients(
        self, most: int, gathered: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recbole_ext.model.losses.negatives._GATHERED", gathered)
        torch.manual_seed(0)
        output, items = torch.randn(7, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)
        drawn = torch.randint(9, (7, 3))
        got = own_scores(output, items, drawn, most_elements=most)
        expected = (output @ items.T).gather(1, drawn)
        torch.testing.assert_close(got, expected)
        factors = torch.randn(7, 3)
        for ours, theirs in zip(
            torch.autograd.grad((got * factors).sum(), (output, items)),
            torch.autograd.grad((expected * factors).sum(), (output, items)),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs)


class TestBprMax:
    def test_by_hand(self) -> None:
        """s₊ = 0, negatives log 3 and 0: w = 3/4 and 1/4, σ(0 - log 3) = 1/4, σ(0) = 1/2."""
        positive = torch.zeros(1, dtype=torch.float64)
        negative = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
        won = -math.log(3 / 4 / 4 + 1 / 4 / 2)
        assert bpr_max(positive, negative, penalty=0).item() == pytest.approx(won)
        expected = won + 2 * 3 / 4 * math.log(3) ** 2
        assert bpr_max(positive, negative, penalty=2).item() == pytest.approx(expected)

    def test_the_unit_bends_scores_below_zero_only(self) -> None:
        positive, negative = torch.tensor([-1.0]), torch.tensor([[2.0, -3.0]])
        bent = bpr_max(positive, negative, elu=0.5)
        as_bent = [0.5 * (math.exp(score) - 1) for score in (-1, -3)]
        by_hand = bpr_max(torch.tensor([as_bent[0]]), torch.tensor([[2.0, as_bent[1]]]))
        torch.testing.assert_close(bent, by_hand)

    def test_hits_have_no_weight(self) -> None:
        positive = torch.tensor([0.3, 0.3], requires_grad=True)
        negative = torch.tensor([[1.0, 9.0, -2.0], [1.0, 2.0, 3.0]], requires_grad=True)
        hits = torch.tensor([[False, True, False], [True, True, True]])
        losses = bpr_max(positive, negative, hits=hits)
        assert losses[0].item() == pytest.approx(bpr_max(positive[:1], negative[:1, [0, 2]]).item())
        assert losses[1].item() == 0
        losses.sum().backward()
        assert torch.isfinite(negative.grad).all()
        assert negative.grad[0, 1] == 0


class TestSequenceLoss:
    @pytest.mark.parametrize("kind", ["full_softmax", "sampled_softmax", "gbce", "bpr", "bpr_max"])
    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("power", [0.0, 0.5])
    def test_finite_with_gradients(self, kind: str, shared: bool, power: float) -> None:
        keys = {**KEYS, "sequence_loss": kind, "loss_negatives_shared": shared, "ips_power": power}
        output, items, targets = case()
        loss = SequenceLoss(keys, dataset(COUNTS)).double()(output, items, targets)
        gradients = torch.autograd.grad(loss, (output, items))
        assert torch.isfinite(loss)
        assert all(torch.isfinite(part).all() and part.abs().sum() > 0 for part in gradients)

    @pytest.mark.parametrize(("kind", "shared"), [("sampled_softmax", False), ("bpr", False), ("gbce", True)])
    def test_gradients_are_the_same_each_time_with_several_threads(self, kind: str, shared: bool) -> None:
        keys = {**KEYS, "sequence_loss": kind, "loss_negatives": 64, "loss_negatives_shared": shared}
        loss, rows, found = SequenceLoss(keys, dataset([1] * 200)), 4_000, []
        generator = torch.Generator().manual_seed(0)
        output = torch.randn(rows, 32, generator=generator)
        targets = torch.randint(1, 201, (rows,), generator=generator)
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(2)
            for _ in range(4):
                items = torch.ones(201, 32).cumsum(1).div(32).requires_grad_()
                torch.manual_seed(1)
                loss(output, items, targets).backward()
                found.append(items.grad)
        finally:
            torch.set_num_threads(threads)
        assert all(torch.equal(found[0], gradient) for gradient in found[1:])

    def test_the_default_is_the_full_softmax(self) -> None:
        loss = SequenceLoss(KEYS, dataset(COUNTS))
        output, items, targets = case()
        assert loss.is_default
        assert loss(output, items, targets).item() == full_softmax(output, items, targets).item()
        assert not loss.state_dict()

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize(
        ("alpha", "corrects", "close"), [(0.0, True, True), (1.0, True, True), (1.0, False, False)]
    )
    def test_the_keys_reach_the_loss(self, shared: bool, alpha: float, corrects: bool, close: bool) -> None:
        keys = {
            **KEYS,
            "sequence_loss": "sampled_softmax",
            "loss_negatives": 50_000,
            "sampling_alpha": alpha,
            "logq_correction": corrects,
            "loss_negatives_shared": shared,
        }
        output, items, targets = (part.detach() for part in case())
        torch.manual_seed(2)
        got = SequenceLoss(keys, dataset(COUNTS))(output, items, targets)
        full = cross_entropy(output @ items[1:].T, targets - 1)
        assert (abs(got - full) < 0.02) == close

    @pytest.mark.parametrize("chunk_bytes", [1, 10**9])
    def test_weights_of_the_full_softmax_are_factors_of_its_rows(self, chunk_bytes: int) -> None:
        output, items, targets = case()
        weights = torch.linspace(0.5, 2, len(targets), dtype=torch.float64)
        got = full_softmax(output, items, targets, weights=weights, chunk_bytes=chunk_bytes)
        expected = (cross_entropy(output @ items.T, targets, reduction="none") * weights).mean()
        torch.testing.assert_close(got, expected)
        for ours, theirs in zip(
            torch.autograd.grad(got, (output, items)),
            torch.autograd.grad(expected, (output, items)),
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs)

    def test_gbce_is_calibrated_for_uniform_negatives_only(self) -> None:
        with pytest.raises(ConfigError, match="sampling_alpha: 0"):
            SequenceLoss({**KEYS, "sequence_loss": "gbce", "sampling_alpha": 0.5}, dataset(COUNTS))

    @pytest.mark.parametrize(
        ("items", "keys", "kind"),
        [
            (20_000, {}, "full_softmax"),
            (20_001, {}, "sampled_softmax"),
            (20_001, {"sequence_training": "prefixes"}, "full_softmax"),
            (20_001, {"loss_type": "BPR"}, "full_softmax"),
            (20_001, {"sequence_loss": "full_softmax"}, "full_softmax"),
            (5, {"sequence_loss": "bpr_max"}, "bpr_max"),
        ],
    )
    def test_auto_samples_above_20_000_items(self, items: int, keys: dict[str, Any], kind: str) -> None:
        assert chosen_loss({**KEYS, "sequence_loss": "auto", **keys}, items) == kind

    @pytest.mark.parametrize("alpha", [0.0, 0.5])
    def test_negatives_of_the_batch_are_corrected_together_with_the_drawn_ones(self, alpha: float) -> None:
        """With targets drawn by popularity, the loss of one more target approaches the full soft-max."""
        keys = {
            **KEYS,
            "sequence_loss": "sampled_softmax",
            "batch_negatives": True,
            "loss_negatives": 1_000,
            "sampling_alpha": alpha,
        }
        torch.manual_seed(3)
        by_popularity = NegativeDistribution(np.array(COUNTS), 1.0)
        _, items, _ = (part.detach() for part in case())
        targets = by_popularity.draw(2_000)
        output = torch.randn(3, generator=torch.Generator().manual_seed(5), dtype=torch.float64).repeat(
            2_000, 1
        )
        got = SequenceLoss(keys, dataset(COUNTS))(output, items, targets)
        full = cross_entropy(output @ items[1:].T, targets - 1)
        assert got.item() == pytest.approx(full.item(), abs=0.03)
        uncorrected = SequenceLoss({**keys, "logq_correction": False}, dataset(COUNTS))(
            output, items, targets
        )
        assert abs(uncorrected - full) > 0.5

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"sequence_loss": "gbce", "batch_negatives": True}, "gbce with batch_negatives: true.*false"),
            ({"batch_negatives": True}, "full_softmax has all items"),
            (
                {"sequence_loss": "bpr_max", "batch_negatives": True, "loss_negatives_shared": False},
                "loss_negatives_shared is false",
            ),
            ({"sequence_loss": "bpr", "label_smoothing": 0.1}, "label_smoothing is 0.1, but bpr"),
        ],
    )
    def test_keys_that_contradict_each_other_are_refused(self, keys: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            SequenceLoss({**KEYS, **keys}, dataset(COUNTS))

    def test_smoothing_is_no_default(self) -> None:
        assert not SequenceLoss({**KEYS, "label_smoothing": 0.1}, dataset(COUNTS)).is_default
