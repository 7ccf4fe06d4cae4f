"""Cells of a study: whole runs, re-ranked where the settings say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_ext.data.build import DataCache
from recbole_ext.errors import CheckpointError
from recbole_ext.progress import Stage
from recbole_ext.study.cells import Cells
from recbole_ext.study.steps import Steps
from recbole_ext.trainer.train import train
from recbole_ext.trainer.trainer import EpochReport
from tests.conftest import cycle_rows, write_inter
from tests.harness.client import tree


def test_a_cell_with_a_rerank_block_is_computed_once_and_read_again(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    block = {"method": "popularity_penalty", "alpha": 0.5}
    settings = {**quick, "topk": [5], "valid_metric": "NDCG@5", "rerank": block}
    said: list[str] = []
    cells = Cells(tmp_path, (), settings, DataCache(), said.append, Steps(Stage("testing"), 1))
    first = cells.get("Pop-seed1", "Pop", {"seed": 1})
    assert (tmp_path / "Pop-seed1-popularity_penalty-0.5" / "metrics.json").is_file()
    cells.check(["Pop-seed1"])
    assert cells.get("Pop-seed1", "Pop", {"seed": 1}).metrics == first.metrics
    assert len(said) == 1


def test_a_finished_cell_of_other_data_is_refused(quick: dict[str, Any], tmp_path: Path) -> None:
    """Cells before and after a change of the data set would stand in one table."""
    inter = write_inter(tmp_path, "own", cycle_rows())
    settings = {**quick, "data_path": str(tmp_path), "dataset": "own"}

    def cells() -> Cells:
        return Cells(
            tmp_path / "cells", (), settings, DataCache(), lambda _: None, Steps(Stage("testing"), 1)
        )

    first = cells().get("Pop-seed1", "Pop", {"seed": 1})
    assert cells().get("Pop-seed1", "Pop", {"seed": 1}).metrics == first.metrics
    inter.write_text(inter.read_text().replace("i3\t", "i21\t"))
    with pytest.raises(
        CheckpointError, match=r"Pop-seed1 was computed on other data than own has now: prepare"
    ):
        cells().get("Pop-seed1", "Pop", {"seed": 1})


def test_an_interrupted_cell_of_other_data_is_refused(quick: dict[str, Any], tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(report: EpochReport) -> None:
        raise Killed

    inter = write_inter(tmp_path, "own", cycle_rows())
    settings = {**quick, "data_path": str(tmp_path), "dataset": "own", "seed": 1}
    with pytest.raises(Killed):
        train("BPR", overrides=settings, output=tmp_path / "cells/BPR-seed1", on_epoch=kill)
    inter.write_text(inter.read_text().replace("i3\t", "i21\t"))
    before = tree(tmp_path / "cells")
    cells = Cells(tmp_path / "cells", (), settings, DataCache(), lambda _: None, Steps(Stage("testing"), 1))
    with pytest.raises(CheckpointError, match=r"the data set is not the one that .*BPR-seed1\.partial"):
        cells.get("BPR-seed1", "BPR", {"seed": 1})
    assert tree(tmp_path / "cells") == before
