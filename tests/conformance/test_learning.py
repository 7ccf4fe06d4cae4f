"""Every sequential model learns a ring of items, where the next item follows from the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recbole.utils import ModelType

from recbole_ext.model.registry import MODELS, known_models, resolve_model
from recbole_ext.trainer.train import train

SEQUENTIAL = [name for name in known_models() if resolve_model(name)[1].type == ModelType.SEQUENTIAL]
FAST = [name for name in SEQUENTIAL if name in {*MODELS, "NARM", "STAMP", "HGN"}]
NAMES = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
    for name in SEQUENTIAL
    if name != "RepeatLast"  # it knows old items only, and the next one of the ring is new
]
# Post-norm attention diverges at the rate that suits the others; an epoch of BERT4Rec masks every window five times.
SETTINGS: dict[str, dict[str, Any]] = {
    "S3Rec": {"pretrain_epochs": 1, "learning_rate": 0.003},
    "BERT4Rec": {"epochs": 10, "learning_rate": 0.001},
    # All films of the ring are the same but for their ids.
    "TwoTower": {"item_features": ["id"]},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_the_next_item_of_the_ring_comes_first(name: str, quick: dict[str, Any], tmp_path: Path) -> None:
    """After masking 11 of 20 items, Random has the held-out one first for one user in nine."""
    values = {"epochs": 20, "eval_step": 5, "learning_rate": 0.01, "train_batch_size": 64}
    figures = {"topk": [1], "metrics": ["Hit"], "valid_metric": "Hit@1"}
    result = train(
        name, overrides={**quick, **values, **figures, **SETTINGS.get(name, {})}, output=tmp_path / "run"
    )
    assert result.test.means["hit@1"] > 0.5
