"""Parts of learnt rules, put back one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import learnt_parts
from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train


def test_each_row_changes_its_part_alone_and_the_model_is_whole_again(
    quick: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"topk": [10], "metrics": ["NDCG", "ItemCoverage"], "valid_metric": "NDCG@10", "epochs": 2}
    train("LearntRules", overrides={**quick, **values}, output=tmp_path / "run")
    model = open_model(tmp_path / "run").trainer.model
    learnt = {name: value.detach().clone() for name, value in model.named_parameters()}
    changed = {}
    for words, put in learnt_parts.PARTS.items():
        with torch.no_grad():
            put(model)
            changed[words] = {
                name for name, value in model.named_parameters() if not torch.equal(value, learnt[name])
            }
            for name, value in model.named_parameters():
                value.copy_(learnt[name])
    assert changed == {
        "as learnt": set(),
        "no pairs backwards": {"distance"},
        "distance: all bins alike": {"distance"},
        "lag: all bins alike": {"lag"},
        "time since: all bins alike": {"since"},
        "source popularity: power 0": {"powers"},
        "target popularity: power 0": {"powers"},
        "no popularity bias": {"powers"},
    }
    learnt_parts.main([str(tmp_path / "run")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 + 2 + len(learnt_parts.PARTS)
    assert "+0.0000 [+0.0000, +0.0000]" in lines[7]
