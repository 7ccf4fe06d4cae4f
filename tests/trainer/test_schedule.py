"""The learning rate of each step: against PyTorch's own schedulers, in a run, and after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR

from recbole_ext.trainer.checkpoint import load_tensors
from recbole_ext.trainer.schedule import Schedule, rate_factor
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport, ExactTrainer

RECIPE: dict[str, Any] = {
    "learner": "adamw",
    "weight_decay": 0.01,
    "learning_rate_schedule": "cosine",
    "warmup_steps": 5,
    "clip_grad_norm": 0.5,
    "ema_decay": 0.9,
    "label_smoothing": 0.1,
    "epochs": 4,
}


def test_the_warm_up_rises_in_equal_steps_and_the_constant_rate_stays() -> None:
    assert [rate_factor(made, "constant", 4, 0) for made in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_linear_and_cosine_by_hand() -> None:
    """Two steps of warm-up, four that fall: the first of them still has the whole rate."""
    assert [rate_factor(made, "linear", 2, 6) for made in range(2, 8)] == [1, 0.75, 0.5, 0.25, 0, 0]
    cosine = [rate_factor(made, "cosine", 2, 6) for made in range(2, 8)]
    half = 2**0.5 / 4  # cos 45° / 2
    assert cosine == pytest.approx([1, 0.5 + half, 0.5, 0.5 - half, 0, 0])


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_the_fall_is_that_of_pytorch(kind: str) -> None:
    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)

    ours, theirs = optimizer(), optimizer()
    schedule = Schedule(
        {"learning_rate_schedule": kind, "warmup_steps": 0, "schedule_epochs": 2, "epochs": 9}
    )
    schedule.steps_an_epoch = 5
    schedule.attach(ours)
    scheduler: Any = (
        LinearLR(theirs, 1.0, 0.0, total_iters=10) if kind == "linear" else CosineAnnealingLR(theirs, 10)
    )
    for _ in range(10):
        ours.step()
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        theirs.step()
        scheduler.step()


def rates_of(values: dict[str, Any], output: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rate of each step of a run."""
    rates: list[float] = []
    host = ExactTrainer._build_optimizer

    def spied(self: Any, **kwargs: Any) -> torch.optim.Optimizer:
        optimizer = host(self, **kwargs)
        optimizer.register_step_post_hook(lambda one, *_: rates.append(one.param_groups[0]["lr"]))
        return optimizer

    with monkeypatch.context() as patch:
        patch.setattr(ExactTrainer, "_build_optimizer", spied)
        train("BPR", overrides=values, output=output)
    return rates


def test_a_run_warms_up_and_falls_to_the_end_of_its_epochs(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {**quick, "learning_rate": 0.01, "train_batch_size": 100, "stopping_step": 9}
    plain = rates_of(values, tmp_path / "plain", monkeypatch)
    steps = len(plain)
    assert set(plain) == {0.01}
    falling = {**values, "learning_rate_schedule": "linear", "warmup_steps": 2}
    rates = rates_of(falling, tmp_path / "falling", monkeypatch)
    assert rates == pytest.approx(
        [0.005, 0.01, *(0.01 * (1 - place / (steps - 2)) for place in range(steps - 2))]
    )


@pytest.mark.parametrize("model", ["GRU4Rec", "BPR"])
def test_a_resumed_recipe_equals_an_uninterrupted_one(
    model: str, quick: dict[str, Any], tmp_path: Path
) -> None:
    """Steps made, averages, weights and moments of the optimiser all go on."""
    smoothed = {"label_smoothing": RECIPE["label_smoothing"] if model == "GRU4Rec" else 0.0}
    values = {**quick, **RECIPE, **smoothed, "train_batch_size": 64}

    class Killed(BaseException):
        """Nobody catches it."""

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    whole = train(model, overrides=values, output=tmp_path / "whole")
    with pytest.raises(Killed):
        train(model, overrides=values, output=tmp_path / "broken", on_epoch=kill)
    resumed = resume(tmp_path / "broken")
    assert [one["loss"] for one in resumed.epochs] == [one["loss"] for one in whole.epochs]
    assert dict(resumed.test.means) == dict(whole.test.means)
    first, second = (
        load_tensors(tmp_path / name / "model.safetensors")["state_dict"] for name in ("whole", "broken")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_constant_rate_leaves_the_optimiser_as_it_is() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    keys = {"learning_rate_schedule": "constant", "warmup_steps": 0, "schedule_epochs": None, "epochs": 3}
    Schedule(keys).attach(optimizer)
    assert "steps_made" not in optimizer.state_dict()["param_groups"][0]
