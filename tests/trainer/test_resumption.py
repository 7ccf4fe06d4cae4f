"""What does not fit an interrupted run is refused before a file of it is changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from recbole_ext.errors import CheckpointError
from recbole_ext.trainer.checkpoint import load_tensors, save_tensors
from recbole_ext.trainer.resumption import read_state
from recbole_ext.trainer.train import resume, train
from recbole_ext.trainer.trainer import EpochReport
from tests.conftest import cycle_rows, write_inter
from tests.harness.client import changes, tree


class Killed(BaseException):
    """Stands for a kill: nobody catches it."""


def kill(report: EpochReport) -> None:
    if report.epoch == 1:
        raise Killed


@pytest.fixture
def stopped(quick: dict[str, Any], tmp_path: Path) -> Path:
    """An interrupted run on a data set of its own; its partial folder."""
    write_inter(tmp_path, "own", cycle_rows())
    values = {**quick, "data_path": str(tmp_path), "dataset": "own"}
    with pytest.raises(Killed):
        train("BPR", overrides=values, output=tmp_path / "run", on_epoch=kill)
    return tmp_path / "run.partial"


def with_origin(partial: Path, origin: dict[str, str]) -> None:
    state = load_tensors(partial / "state.safetensors")
    save_tensors(partial / "state.safetensors", {**state, "origin": origin})


def test_changed_data_are_refused_and_the_right_ones_go_on(stopped: Path, tmp_path: Path) -> None:
    inter = tmp_path / "own/own.inter"
    right = inter.read_text()
    # The same users, items and number of interactions: only a fingerprint tells.
    lines = right.splitlines()
    lines[1], lines[2] = (
        lines[1].replace("1000000000", "1000000010"),
        lines[2].replace("1000000010", "1000000000"),
    )
    inter.write_text("\n".join(lines) + "\n")
    before = tree(stopped)
    with pytest.raises(
        CheckpointError, match=r"^the data set is not the one that .*run\.partial was trained on so far"
    ):
        resume(tmp_path / "run")
    assert not changes(before, tree(stopped))
    inter.write_text(right)
    assert resume(tmp_path / "run").metrics["epochs"] == 3


def test_a_state_of_version_0_1_0_names_no_data_but_the_figures_do(stopped: Path, tmp_path: Path) -> None:
    state = load_tensors(stopped / "state.safetensors")
    del state["origin"]
    save_tensors(stopped / "state.safetensors", state)
    shutil.copytree(stopped, tmp_path / "other.partial")
    figures = json.loads(json.dumps(resume(tmp_path / "run").metrics))
    (tmp_path / "other.partial/metrics.json").write_text(json.dumps({**figures, "fingerprint": "0" * 64}))
    with pytest.raises(CheckpointError, match="the data set is not the one"):
        resume(tmp_path / "other")


def test_another_model_than_that_of_the_state_is_named(stopped: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    (stopped / "config.yaml").write_text(yaml.safe_dump({**config, "model": "LightGCN"}))
    with pytest.raises(
        CheckpointError, match=r"config\.yaml names the model LightGCN, but state.* is of BPR: undo"
    ):
        resume(tmp_path / "run")


def without_best(partial: Path) -> None:
    (partial / "best.safetensors").unlink()


def cut_best(partial: Path) -> None:
    content = (partial / "best.safetensors").read_bytes()
    (partial / "best.safetensors").write_bytes(content[: len(content) // 2])


def cut_state(partial: Path) -> None:
    content = (partial / "state.safetensors").read_bytes()
    (partial / "state.safetensors").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("damage", [without_best, cut_best, cut_state])
def test_missing_and_damaged_weights_change_neither_log_nor_state(
    damage: Callable[[Path], None], stopped: Path, tmp_path: Path
) -> None:
    damage(stopped)
    before = tree(stopped)
    with pytest.raises(CheckpointError, match=r"(best|state)\.safetensors"):
        resume(tmp_path / "run")
    assert not changes(before, tree(stopped))


def test_weights_that_have_their_last_name_already_are_found(stopped: Path) -> None:
    (stopped / "best.safetensors").rename(stopped / "model.safetensors")
    assert read_state(stopped) is not None


def test_a_finished_run_that_kept_its_state_drops_it(stopped: Path, tmp_path: Path) -> None:
    """A kill between the last rename and the removal of the state."""
    shutil.copy(stopped / "state.safetensors", tmp_path / "state")
    run = resume(tmp_path / "run").folder
    shutil.copy(tmp_path / "state", run / "state.safetensors")
    resume(run)
    assert not (run / "state.safetensors").exists()
