"""Averages of weights: by hand, in the place of the weights, and back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.model.registry import resolve_model
from recbole_ext.trainer.averages import Averages
from recbole_ext.trainer.build import build_trainer
from recbole_ext.trainer.checkpoint import load_tensors


def test_the_average_by_hand() -> None:
    """Weights 1, 2, 4 with a decay of 0.1: the shares of the past are 0, 1/10 and, no longer 2/11, 0.1."""
    model, averages = torch.nn.Linear(1, 1, bias=False).double(), Averages(0.1)
    for weight in (1.0, 2.0, 4.0):
        with torch.no_grad():
            model.weight.fill_(weight)
        averages.update(model)
    with averages.used_by(model):
        # 0.1 * (0.1 * 1 + 0.9 * 2) + 0.9 * 4
        assert model.weight.item() == pytest.approx(3.79)
    assert model.weight.item() == 4


def test_early_steps_weigh_less_than_the_decay_says() -> None:
    model, averages = torch.nn.Linear(1, 1, bias=False).double(), Averages(0.999)
    for weight in (1.0, 2.0, 4.0):
        with torch.no_grad():
            model.weight.fill_(weight)
        averages.update(model)
    with averages.used_by(model):
        second = 1 / 10 + 2 * 9 / 10
        assert model.weight.item() == pytest.approx(second * 2 / 11 + 4 * 9 / 11)


def test_the_weights_come_back_after_an_error() -> None:
    model, averages = torch.nn.Linear(1, 1), Averages(0.5)
    averages.update(model)
    with torch.no_grad():
        model.weight.fill_(7)
    averages.update(model)
    with contextlib.suppress(KeyError), averages.used_by(model):
        assert model.weight.item() != 7
        raise KeyError
    assert model.weight.item() == 7


def test_without_a_decay_nothing_is_kept() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    averages = Averages(0.0)
    averages.attach(optimizer, torch.nn.Linear(1, 1))
    optimizer.step()
    assert averages.steps == 0
    assert averages.state() is None


def test_an_epoch_is_validated_and_kept_with_the_averages(quick: dict[str, Any], tmp_path: Path) -> None:
    spec, model_class = resolve_model("BPR")
    config = build_config(model_class, None, (), {**quick, "ema_decay": 0.8, "epochs": 1})
    data = prepare_data(config)
    trainer, loader = build_trainer(config, spec, model_class, data, tmp_path)
    steps: list[torch.Tensor] = []
    trainer.optimizer.register_step_post_hook(
        lambda *_: steps.append(trainer.model.item_embedding.weight.detach().clone())
    )
    trainer.resumable = False
    trainer.fit(loader, data.validation, callback_fn=trainer.after_epoch)
    expected = steps[0]
    for number, weight in enumerate(steps[1:], 2):
        past = min(0.8, (number - 1) / (number + 8))
        expected = past * expected + (1 - past) * weight
    assert len(steps) > 2
    kept = load_tensors(tmp_path / "best.safetensors")["state_dict"]["item_embedding.weight"]
    torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(trainer.model.item_embedding.weight.detach(), steps[-1])
    # What is tested is what was validated.
    trainer.load_best()
    again = trainer.rank(data.validation, ["NDCG"]).means["ndcg@10"]
    assert again == trainer.history[0]["valid_score"]
