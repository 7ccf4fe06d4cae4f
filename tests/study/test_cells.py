"""Cells of a study: whole runs, re-ranked where the settings say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recbole_ext.data.build import DataCache
from recbole_ext.progress import Stage
from recbole_ext.study.cells import Cells
from recbole_ext.study.steps import Steps


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
