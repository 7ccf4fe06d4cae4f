"""Weights that are whole but not those of the configuration beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.errors import CheckpointError
from recbole_ext.trainer.opened import evaluate
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport


class Killed(BaseException):
    pass


def edit(folder: Path, **keys: Any) -> None:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **keys}))


def refused(error: pytest.ExceptionInfo[CheckpointError], name: str) -> None:
    assert name in str(error.value)
    assert "does not fit the model of config.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_another_size_or_model(quick: dict[str, Any], tmp_path: Path) -> None:
    run = train("BPR", overrides={**quick, "epochs": 1}, output=tmp_path / "run").folder
    other = train("GRU4Rec", overrides={**quick, "epochs": 1}, output=tmp_path / "other").folder
    edited = Path(shutil.copytree(run, tmp_path / "edited"))
    edit(edited, embedding_size=8)
    with pytest.raises(CheckpointError) as error:
        evaluate(edited)
    refused(error, "edited/model.safetensors")
    shutil.copy(other / "model.safetensors", run / "model.safetensors")
    with pytest.raises(CheckpointError) as error:
        evaluate(run)
    refused(error, "run/model.safetensors")


def test_a_state_of_another_size_keeps_the_training(quick: dict[str, Any], tmp_path: Path) -> None:
    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train("BPR", overrides=quick, output=tmp_path / "run", on_epoch=kill)
    partial = tmp_path / "run.partial"
    size = yaml.safe_load((partial / "config.yaml").read_text())["embedding_size"]
    edit(partial, embedding_size=8)
    with pytest.raises(CheckpointError) as error:
        resume(tmp_path / "run")
    refused(error, "run.partial/state.safetensors")
    edit(partial, embedding_size=size)
    assert resume(tmp_path / "run").folder == tmp_path / "run"
