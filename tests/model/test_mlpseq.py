"""MLPSeq: causal means, right padding, and the cycle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from recbole.data.interaction import Interaction
from torch import nn

from recbole_ext.config.build import build_config
from recbole_ext.data.build import loader_class, prepare_data, train_loader
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.errors import ConfigError
from recbole_ext.model.sequential_recommender.mlpseq import MLPSeq
from recbole_ext.trainer.train import train

PATH = "recbole_ext.model.sequential_recommender.mlpseq:MLPSeq"


def built(quick: dict[str, Any], **values: Any) -> Any:
    config = build_config(MLPSeq, None, (), {**quick, **values})
    data = prepare_data(config)
    torch.manual_seed(0)
    return MLPSeq(config, data.dataset).double().eval(), config, data


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (1.0, [1.0, 2.5, 3.0]),
        # weights of the last, the one before, ...: 1, 1/2, 1/4
        (0.5, [1.0, 3.0, (0.25 * 1 + 0.5 * 4 + 4) / 1.75]),
    ],
)
def test_the_mean_by_hand(quick: dict[str, Any], decay: float, expected: list[float]) -> None:
    model, _, _ = built(quick, recency_decay=decay, embedding_size=1)
    model.layers = nn.Identity()
    with torch.no_grad():
        model.item_embedding.weight[1:4, 0] = torch.tensor([1.0, 4.0, 4.0], dtype=torch.float64)
    got = model.encode(torch.tensor([[1, 2, 3]]), torch.tensor([3]), torch.tensor([1]))
    assert got.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("decay", [1.0, 0.8, 1e-3])
def test_position_t_is_forward_on_the_first_items_whatever_follows(
    quick: dict[str, Any], decay: float
) -> None:
    model, _, _ = built(quick, recency_decay=decay)
    items = torch.randint(1, model.n_items, (4, 8), generator=torch.Generator().manual_seed(1))
    encoded = model.encode(items, torch.full((4,), 8), torch.arange(1, 5))
    for stop in range(1, 9):
        padded = items.clone()
        padded[:, stop:] = 0
        length = torch.full((4,), stop)
        for window in (items[:, :stop], padded):
            torch.testing.assert_close(encoded[:, stop - 1], model(window, length))
    assert torch.isfinite(encoded).all()


def test_pairs_and_catalogue_agree(quick: dict[str, Any]) -> None:
    model, _, data = built(quick)
    batch = next(iter(data.test)).interaction
    full = model.full_sort_predict(batch)
    for item in (1, 7, model.n_items - 1):
        batch.update(Interaction({"item_id": torch.full((len(batch),), item)}))
        torch.testing.assert_close(model.predict(batch), full[:, item])


def test_the_loss_reaches_every_parameter(quick: dict[str, Any]) -> None:
    model, config, data = built(quick)
    assert loader_class(config, MLPSeq) is WindowLoader
    model.calculate_loss(next(iter(train_loader(config, data, MLPSeq)))).backward()
    for parameter in model.parameters():
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0


def test_windows_and_prefixes_have_the_same_mean_loss(quick: dict[str, Any]) -> None:
    """Histories of nine targets in windows of twelve: an epoch asks the same questions both ways."""
    losses = []
    for training in ("all_positions", "prefixes"):
        values = {"sequence_training": training, "MAX_ITEM_LIST_LENGTH": 12, "train_batch_size": 10**5}
        model, config, data = built(quick, **values)
        (batch,) = train_loader(config, data, MLPSeq)
        losses.append(model.calculate_loss(batch).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"sequence_loss": "sampled_softmax", "loss_negatives": 10, "sampling_alpha": 0.5, "ips_power": 0.5},
        {"sequence_loss": "gbce", "loss_negatives": 10},
        {"sequence_loss": "bpr", "loss_negatives": 10, "loss_negatives_shared": False},
    ],
    ids=lambda values: values.get("sequence_loss", "full_softmax"),
)
def test_it_learns_the_cycle(quick: dict[str, Any], tmp_path: Path, values: dict[str, Any]) -> None:
    """The next item follows from the last; a random order of the unseen ones has Hit@1 of about .1."""
    more = {"epochs": 40, "eval_step": 40, "learning_rate": 0.01, "topk": [1, 5], "valid_metric": "NDCG@5"}
    result = train(PATH, overrides={**quick, **more, **values}, output=tmp_path / "run")
    assert result.test.means["hit@1"] > 0.9


@pytest.mark.parametrize("loss", ["CE", "BPR"])
def test_prefixes_train(quick: dict[str, Any], tmp_path: Path, loss: str) -> None:
    values = {**quick, "sequence_training": "prefixes", "loss_type": loss}
    result = train(PATH, overrides=values, output=tmp_path / "run")
    assert result.epochs[-1]["loss"] < result.epochs[0]["loss"]


@pytest.mark.parametrize("decay", [0, 1.5, "x"])
def test_bad_decay(quick: dict[str, Any], decay: Any) -> None:
    with pytest.raises(ConfigError, match="recency_decay"):
        built(quick, recency_decay=decay)
