"""Items that nobody had in training are no negatives of a model that reads content."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.model.losses.sequence_loss import SequenceLoss
from recbole_ext.model.sequential_recommender.mlpseq import MLPSeq


def losses(quick: dict[str, Any], **values: Any) -> tuple[SequenceLoss, torch.Tensor]:
    config = build_config(MLPSeq, None, (), {**quick, **values})
    data = prepare_data(config)
    seen = torch.ones(data.dataset.item_num, dtype=torch.bool)
    seen[[0, 4, 9]] = False
    loss = SequenceLoss(config, data.dataset)
    loss.leave_out_unseen(seen)
    return loss, seen


def test_the_full_softmax_sums_over_seen_items_and_padding(quick: dict[str, Any]) -> None:
    loss, seen = losses(quick, softmax_precision="float32")
    torch.manual_seed(0)
    output, items = torch.randn(5, 3), torch.randn(len(seen), 3, requires_grad=True)
    targets = torch.tensor([1, 3, 5, 8, 10])
    found = loss(output, items, targets)
    logits = output @ items.T
    logits[:, [4, 9]] = -torch.inf
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(logits, targets))
    found.backward()
    assert items.grad is not None
    assert items.grad[[4, 9]].abs().sum() == 0


@pytest.mark.parametrize("kind", ["sampled_softmax", "gbce", "bpr"])
def test_unseen_items_are_never_drawn(quick: dict[str, Any], kind: str) -> None:
    loss, seen = losses(quick, sequence_loss=kind)
    assert loss.negatives is not None
    drawn = loss.negatives.draw(20_000)
    assert set(drawn.tolist()) == set(torch.nonzero(seen).flatten().tolist())
    assert loss.catalogue == int(seen.sum())
    torch.testing.assert_close(loss.negatives.log_q[seen].exp().sum(), torch.tensor(1.0))


def test_where_all_are_seen_nothing_changes(quick: dict[str, Any]) -> None:
    config = build_config(MLPSeq, None, (), quick)
    data = prepare_data(config)
    loss = SequenceLoss(config, data.dataset)
    loss.leave_out_unseen(torch.ones(data.dataset.item_num, dtype=torch.bool))
    assert loss.kept is None
