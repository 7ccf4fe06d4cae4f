"""Hooks on RecBole's trainer that a whole run does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recbole_ext.cli.show import protocol_line
from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.errors import ConfigError
from recbole_ext.model.losses import sequence_loss
from recbole_ext.model.registry import resolve_model
from recbole_ext.trainer import trainer
from recbole_ext.trainer.build import build_trainer
from recbole_ext.trainer.checkpoint import load_tensors
from recbole_ext.trainer.train import train


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


@pytest.fixture
def pop(quick: dict[str, Any], tmp_path: Path) -> tuple[trainer.ExactTrainer, Any]:
    """RecBole's Pop, whose counts are no weights, and the batches of the test."""
    spec, model_class = resolve_model("Pop")
    config = build_config(model_class, None, (), quick)
    data = prepare_data(config)
    return build_trainer(config, spec, model_class, data, tmp_path)[0], data.test


def test_what_is_restored_lies_on_the_models_device(pop: tuple[trainer.ExactTrainer, Any]) -> None:
    """``meta`` stands for an accelerator: tensors of a file are read to the processor."""
    model = pop[0].model
    state = trainer.model_state(model)
    assert isinstance(state["other"]["item_cnt"], torch.Tensor)
    trainer.restore_model(model.to("meta"), state)
    assert model.item_cnt.device.type == "meta"


def test_scores_lie_on_the_trainers_device(
    pop: tuple[trainer.ExactTrainer, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RecBole's EASE scores on the processor, wherever its batch lies."""
    ranks, loader = pop
    ranks.begin(loader)
    batch = next(iter(loader))
    scores = torch.zeros(len(batch.users), loader.split.interactions.n_items)
    monkeypatch.setattr(ranks.model, "full_sort_predict", lambda _: scores)
    ranks.device = torch.device("meta")
    assert ranks.scores_of(batch).device.type == "meta"


def test_each_epoch_is_validated_on_some_users_and_the_end_on_all(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, np.ndarray]] = []
    rank = trainer.ExactTrainer.rank

    def spied(self: trainer.ExactTrainer, loader: EvaluationLoader, metrics: Any = None) -> Any:
        seen.append((loader.phase, loader.users))
        return rank(self, loader, metrics)

    monkeypatch.setattr(trainer.ExactTrainer, "rank", spied)
    own = {**quick, "epochs": 2, "valid_users": 7, "metrics": ["NDCG", "ItemCoverage"], "topk": [10]}
    for seed in (1, 2):
        lines: list[str] = []
        output = tmp_path / f"run{seed}"
        result = train("BPR", overrides={**own, "seed": seed}, output=output, report=lines.append)
    assert [(phase, len(users)) for phase, users in seen] == 2 * [(1, 7), (1, 7), (1, 60), (2, 60)]
    np.testing.assert_array_equal(seen[0][1], seen[1][1])
    np.testing.assert_array_equal(seen[0][1], seen[4][1])  # another seed
    assert result.metrics["users"] == {"validation": 60, "each_epoch": 7, "test": 60}
    assert result.metrics["protocol"]["valid_users"] == 7
    assert "epochs chosen on 7 users of the validation" in protocol_line(result.metrics)
    assert any("each epoch is validated on 7 of 60 users" in line for line in lines)
    # The best epoch's value of the seven is the mean over the seven in the final validation.
    best = result.metrics["history"][result.metrics["best_epoch"] - 1]["valid_score"]
    members = np.isin(result.validation.users, seen[0][1])
    assert best == pytest.approx(result.validation.per_user["ndcg@10"][members].mean())


def test_auto_validates_on_all_until_that_takes_too_many_scores(
    quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = build_config("BPR", None, (), {**quick, "valid_users": "auto"})
    data = prepare_data(config)
    assert data.validation.each_epoch is data.validation
    monkeypatch.setattr(EvaluationLoader, "most_scores_an_epoch", 150)
    some = prepare_data(config).validation
    # 21 items with padding: 150 scores are those of seven users.
    assert len(some.each_epoch.users) == 7
    assert len(some.users) == 60
    asked = prepare_data(build_config("BPR", None, (), {**quick, "valid_users": 7})).validation
    np.testing.assert_array_equal(some.each_epoch.users, asked.each_epoch.users)


def test_the_size_of_the_catalogue_decides_the_loss_and_a_line_says_so(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    train("GRU4Rec", overrides={**quick, "epochs": 1}, output=tmp_path / "small", report=lines.append)
    assert not any("negatives" in line for line in lines)
    monkeypatch.setattr(sequence_loss, "MOST_ITEMS_OF_FULL_SOFTMAX", 19)
    train("GRU4Rec", overrides={**quick, "epochs": 1}, output=tmp_path / "large", report=lines.append)
    assert (
        "loss: sampled_softmax with 256 negatives, because there are 20 items; sequence_loss=full_softmax takes all "
        "of them" in lines
    )


def test_no_user_to_validate_on_is_refused(quick: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"valid_users .* must be a whole number of 1 or more"):
        train("Pop", overrides={**quick, "valid_users": 0}, output=tmp_path / "run")
