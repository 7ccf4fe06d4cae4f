"""GRU4Rec with the keys of its authors' code: against the formula, and every position against every prefix."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.errors import ConfigError
from recbole_ext.model.sequential_recommender.gru4rec import GRU4Rec

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}
CONSTRAINED: dict[str, Any] = {
    "dense_layer": False,
    "output_bias": True,
    "hidden_size": 12,
    "embedding_size": 12,
}
CASES: list[dict[str, Any]] = [
    CONSTRAINED,
    {"output_embedding": "separate", "output_bias": True},
    {"hidden_dropout_prob": 0.4, "num_layers": 2},
]


def built(quick: dict[str, Any], **keys: Any) -> tuple[GRU4Rec, Any, Any]:
    config = build_config(GRU4Rec, None, (), {**quick, **keys})
    data = prepare_data(config)
    torch.manual_seed(0)
    model = GRU4Rec(config, data.dataset).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model, config, data


def batch_of(model: GRU4Rec, items: torch.Tensor) -> Interaction:
    length = (items > 0).sum(dim=1)
    return Interaction({model.USER_ID: length, model.ITEM_SEQ: items, model.ITEM_SEQ_LEN: length})


@pytest.mark.parametrize("keys", CASES)
def test_every_position_is_the_forward_of_its_prefix(quick: dict[str, Any], keys: dict[str, Any]) -> None:
    model, _, _ = built(quick, **keys)
    model.eval()
    items = torch.randint(1, model.n_items, (4, 8), generator=torch.Generator().manual_seed(1))
    encoded = model.encode(items, torch.full((4,), 8), torch.ones(4))
    for stop in range(1, 9):
        expected = model.forward(items[:, :stop], torch.full((4,), stop))
        torch.testing.assert_close(encoded[:, stop - 1], expected, **CLOSE)


@pytest.mark.parametrize("tied", [True, False])
def test_the_score_is_the_state_times_the_items_vector_plus_its_bias(
    quick: dict[str, Any], tied: bool
) -> None:
    keys = {**CONSTRAINED, "output_embedding": "tied" if tied else "separate"}
    model, _, _ = built(quick, **keys)
    model.eval()
    items = torch.tensor([[3, 1, 4, 1, 5]])
    _, state = torch.nn.GRU.forward(model.gru_layers, model.item_embedding.weight[items])
    vectors = model.item_embedding.weight if tied else model.output_embedding.weight
    expected = state[-1] @ vectors.T + model.output_bias
    torch.testing.assert_close(model.full_sort_predict(batch_of(model, items)), expected, **CLOSE)
    one = batch_of(model, items)
    one.update(Interaction({model.ITEM_ID: torch.tensor([7])}))
    torch.testing.assert_close(model.predict(one), expected[:, 7], **CLOSE)


def test_states_are_dropped_in_training_only(quick: dict[str, Any]) -> None:
    model, _, _ = built(quick, hidden_dropout_prob=0.5, dropout_prob=0.0)
    items, length = torch.tensor([[3, 1, 4, 1, 5]]), torch.tensor([5])
    first, second = (model.train().encode(items, length, length) for _ in "ab")
    assert not torch.equal(first, second)
    first, second = (model.eval().encode(items, length, length) for _ in "ab")
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    "loss",
    [
        {"sequence_loss": "bpr_max", "batch_negatives": True, "sampling_alpha": 0.4},
        {"sequence_loss": "sampled_softmax", "batch_negatives": True, "sampling_alpha": 0.2},
        {"label_smoothing": 0.1},
    ],
)
def test_the_losses_reach_every_weight(quick: dict[str, Any], loss: dict[str, Any]) -> None:
    model, config, data = built(quick, **CONSTRAINED, **loss, loss_negatives=5)
    found = model.train().calculate_loss(next(iter(train_loader(config, data, GRU4Rec))))
    found.backward()
    assert torch.isfinite(found)
    for parameter in model.parameters():
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0


def test_the_weights_are_those_of_recbole_by_default(quick: dict[str, Any]) -> None:
    model, _, _ = built(quick)
    assert set(model.state_dict()) == {
        "item_embedding.weight",
        "gru_layers.weight_ih_l0",
        "gru_layers.weight_hh_l0",
        "dense.weight",
        "dense.bias",
    }


def test_a_state_that_is_no_embedding_is_refused(quick: dict[str, Any]) -> None:
    keys = {**quick, "dense_layer": False, "hidden_size": 128, "embedding_size": 64}
    with pytest.raises(
        ConfigError, match=r"dense_layer .*needs a hidden_size \(128\) like embedding_size \(64\)"
    ):
        build_config(GRU4Rec, None, (), keys)
