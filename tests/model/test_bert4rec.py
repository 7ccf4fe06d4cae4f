"""BERT4Rec on masked windows: RecBole's loss of the same masked items, and RecBole's evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender.bert4rec import BERT4Rec as HostBERT4Rec

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.errors import ConfigError
from recbole_ext.model.sequential_recommender.bert4rec import BERT4Rec

WIDTH = 8


@pytest.fixture
def built(quick: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Ours, RecBole's with the same weights, in double precision without dropout, and the loader."""
    torch.set_default_dtype(torch.float64)  # RecBole makes tensors of this type inside its loss
    config = build_config(BERT4Rec, None, (), {**quick, "mask_ratio": 0.4, "ft_ratio": 0.5})
    data = prepare_data(config)
    loader = train_loader(config, data, BERT4Rec)
    torch.manual_seed(0)
    host = HostBERT4Rec(config, data.dataset).double().eval()
    with torch.no_grad():
        for parameter in host.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    ours = BERT4Rec(config, data.dataset).double().eval()
    ours.load_state_dict(host.state_dict())
    yield ours, host, loader
    torch.set_default_dtype(torch.float32)


def as_recboles(model: Any, batch: Interaction) -> Interaction:
    """The same masked items in RecBole's layout: lists of places and items, padded on the left."""
    target = batch["target_seq"]
    places, items = torch.zeros_like(target), torch.zeros_like(target)
    for row, asked in enumerate(target > 0):
        where = asked.nonzero()[:, 0]
        behind = slice(target.shape[1] - len(where), None)  # a batch is as wide as its longest window
        places[row, behind], items[row, behind] = where, target[row, where]
    return Interaction(
        {
            model.MASK_ITEM_SEQ: batch[model.MASK_ITEM_SEQ],
            model.POS_ITEMS: items,
            model.NEG_ITEMS: items,
            model.MASK_INDEX: places,
        }
    )


def test_the_loss_is_recboles_where_it_asks(built: tuple[Any, Any, Any]) -> None:
    """RecBole takes place 0 for padding of its lists: those targets are taken out first."""
    ours, host, loader = built
    compared = 0
    for batch in loader:
        batch["target_seq"][:, 0] = 0
        actual, expected = ours.calculate_loss(batch), host.calculate_loss(as_recboles(ours, batch))
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)
        ours.zero_grad(), host.zero_grad()
        actual.backward()
        expected.backward()
        for mine, theirs in zip(ours.parameters(), host.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-8, atol=1e-11)
        compared += 1
    assert compared >= 2


def test_the_first_item_of_a_window_is_asked_for_as_well(built: tuple[Any, Any, Any]) -> None:
    ours, _, _ = built
    masked = torch.tensor([[ours.mask_token, 3, 4, 0, 0, 0, 0, 0]])
    batch = Interaction({ours.MASK_ITEM_SEQ: masked, "target_seq": torch.tensor([[2, 0, 0, 0, 0, 0, 0, 0]])})
    state = ours.forward(masked)[0, 0]
    logits = ours.item_embedding.weight[: ours.n_items] @ state + ours.output_bias
    torch.testing.assert_close(ours.calculate_loss(batch), -logits.log_softmax(dim=0)[2])


def test_evaluation_puts_the_mask_behind_the_last_item(built: tuple[Any, Any, Any]) -> None:
    """The window moves by one item, and the answer is read where the mask stands."""
    ours, host, _ = built
    items = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8], [4, 5, 6, 0, 0, 0, 0, 0]])
    batch = Interaction({ours.ITEM_SEQ: items, ours.ITEM_SEQ_LEN: torch.tensor([8, 3])})
    seen = torch.tensor([[2, 3, 4, 5, 6, 7, 8, ours.mask_token], [5, 6, ours.mask_token, 0, 0, 0, 0, 0]])
    states = ours.forward(seen)[torch.arange(2), torch.tensor([7, 2])]
    expected = states @ ours.item_embedding.weight[: ours.n_items].T + ours.output_bias
    torch.testing.assert_close(ours.full_sort_predict(batch), expected)
    torch.testing.assert_close(host.full_sort_predict(batch), expected)


def test_a_batch_of_prefixes_gets_recboles_loss(built: tuple[Any, Any, Any]) -> None:
    ours, host, loader = built
    batch = as_recboles(ours, next(iter(loader)))
    # The sums of attention are taken in another order.
    expected = host.calculate_loss(batch).item()
    assert ours.calculate_loss(batch).item() == pytest.approx(expected, rel=1e-12)


def test_a_loss_over_drawn_negatives_is_refused_for_prefixes(quick: dict[str, Any]) -> None:
    keys = {**quick, "sequence_loss": "sampled_softmax", "sequence_training": "prefixes"}
    config = build_config(BERT4Rec, None, (), keys)
    data = prepare_data(config)
    loader = train_loader(config, data, BERT4Rec)
    with pytest.raises(ConfigError, match="sequence_training: all_positions"):
        BERT4Rec(config, data.dataset).calculate_loss(next(iter(loader)))


@pytest.mark.parametrize("kind", ["sampled_softmax", "gbce", "bpr"])
def test_the_other_losses_learn_from_masked_windows(quick: dict[str, Any], kind: str) -> None:
    config = build_config(BERT4Rec, None, (), {**quick, "sequence_loss": kind, "loss_negatives": 5})
    data = prepare_data(config)
    loader = train_loader(config, data, BERT4Rec)
    model = BERT4Rec(config, data.dataset)
    loss = model.calculate_loss(next(iter(loader)))
    loss.backward()
    assert torch.isfinite(loss)
    assert model.output_bias.grad.abs().sum() > 0


def test_scores_are_those_of_recboles_class(built: tuple[Any, Any, Any]) -> None:
    ours, host, _ = built
    assert list(ours.state_dict()) == list(host.state_dict())
    length = torch.tensor([WIDTH, 5, 1, 2])
    items = torch.randint(1, host.n_items, (4, WIDTH), generator=torch.Generator().manual_seed(1))
    items[torch.arange(WIDTH) >= length[:, None]] = 0
    batch = Interaction(
        {host.ITEM_SEQ: items, host.ITEM_SEQ_LEN: length, host.ITEM_ID: torch.tensor([1, 2, 3, 4])}
    )
    for score in ("full_sort_predict", "predict"):
        torch.testing.assert_close(getattr(ours, score)(batch), getattr(host, score)(batch))
