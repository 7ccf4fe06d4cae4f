"""Pop counts interactions, not batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.trainer.opened import open_model
from recbole_ext.trainer.train import train


def test_scores_are_the_training_counts_whatever_the_batch_size(
    quick: dict[str, Any], tmp_path: Path
) -> None:
    tops = []
    for size in (7, 100_000):
        run = tmp_path / str(size)
        train("Pop", overrides={**quick, "train_batch_size": size}, output=run)
        opened = open_model(run)
        counts = opened.data.split.train_counts()
        assert np.array_equal(opened.trainer.model.item_cnt[:, 0].numpy(), counts)
        tops.append(opened.trainer.rank(opened.data.test).items)
    assert np.array_equal(*tops)
