"""Which runs a server opens: those that are named, and the first run of each model of a study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recbole_ext.errors import CheckpointError, ConfigError
from recbole_ext.serve.finding import find_runs

SAMPLES = Path(__file__).parents[1] / "runs" / "written_by_0_1_0" / "saved"


def test_runs_are_called_as_their_folders(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "knn", tmp_path / "item knn (old)")
    found = find_runs([SAMPLES / "gru", tmp_path / "item knn (old)"], trust=False)
    assert [one.name for one in found] == ["gru", "item_knn__old_"]


def test_a_study_gives_the_first_run_of_each_model(tmp_path: Path) -> None:
    for name in ("GRU4Rec-seed1", "GRU4Rec-seed2", "Pop-seed1"):
        shutil.copytree(SAMPLES / "gru", tmp_path / "study" / "cells" / name)
    shutil.copytree(SAMPLES / "gru", tmp_path / "study" / "cells" / "EASE-seed1.partial")
    (tmp_path / "study" / "cells" / "EASE-seed1.partial" / "model.safetensors").unlink()
    (tmp_path / "study" / "comparison.json").write_text("{}", encoding="utf-8")
    found = find_runs([tmp_path / "study"], trust=False)
    assert [one.name for one in found] == ["GRU4Rec-seed1", "Pop-seed1"]
    shutil.rmtree(tmp_path / "study" / "cells")
    with pytest.raises(CheckpointError, match="without a finished run"):
        find_runs([tmp_path / "study"], trust=False)


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "gru", tmp_path / "gru")
    with pytest.raises(ConfigError, match="rename one"):
        find_runs([SAMPLES / "gru", tmp_path / "gru"], trust=False)
    with pytest.raises(CheckpointError, match="not a finished run"):
        find_runs([tmp_path / "nothing"], trust=False)
