"""Histories that end where training ended, on hand-made splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from benchmarks.same_history import TrainingHistory
from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data
from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.data.interactions import TEST
from recbole_ext.model.registry import resolve_model


def test_only_the_model_s_history_is_shorter(quick: dict[str, Any], tmp_path: Path) -> None:
    config = build_config(resolve_model("GRU4Rec")[1], None, (), quick)
    data = prepare_data(config)
    own = list(EvaluationLoader(config, data.dataset, data.split, TEST))
    short = list(TrainingHistory(config, data.dataset, data.split, TEST))
    assert len(own) == len(short)
    for whole, cut in zip(own, short, strict=True):
        for name in ("seen_rows", "seen_items", "target_rows", "target_items"):
            assert torch.equal(getattr(whole, name), getattr(cut, name))
        windows = (whole.interaction["item_id_list"], cut.interaction["item_id_list"])
        lengths = (whole.interaction["item_length"].tolist(), cut.interaction["item_length"].tolist())
        for long, less, n, m in zip(*windows, *lengths, strict=True):
            # One item less at the end; a window that was full has room for an earlier one at its beginning.
            assert m in (n - 1, n)
            assert long[: n - 1].tolist()[-(m - 1) :] == less[:m].tolist()[-(m - 1) :]
            assert long[n - 2] == less[m - 1]
