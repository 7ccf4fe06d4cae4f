"""Hooks on RecBole's trainer that a whole run does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_ext import trainer
from recbole_ext.checkpoint import load_tensors
from recbole_ext.pipeline import train


@pytest.mark.skipif(not trainer._FUSES, reason="PyTorch before 2.4 fuses on accelerators only")
@pytest.mark.parametrize("learner", ["adam", "adamw"])
def test_the_fused_optimiser_learns_the_same(
    learner: str, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, built = {}, []
    host = trainer.ExactTrainer._build_optimizer

    def remembered(self: Any, **kwargs: Any) -> torch.optim.Optimizer:
        built.append(host(self, **kwargs))
        return built[-1]

    monkeypatch.setattr(trainer.ExactTrainer, "_build_optimizer", remembered)
    for fuses in (True, False):
        monkeypatch.setattr(trainer, "_FUSES", fuses)
        overrides = {**quick, "learner": learner, "weight_decay": 1e-3, "stopping_step": 9}
        run = train("BPR", overrides=overrides, output=tmp_path / str(fuses))
        weights[fuses] = load_tensors(run.folder / "model.safetensors")["state_dict"]
    assert [optimizer.param_groups[0]["fused"] for optimizer in built] == [True, None]
    for name, fused in weights[True].items():
        torch.testing.assert_close(fused, weights[False][name], rtol=1e-4, atol=1e-6)
