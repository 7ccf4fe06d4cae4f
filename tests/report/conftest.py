"""Small finished runs, a re-ranking and a sweep, on the cyclic set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recbole_ext.cli import main
from recbole_ext.trainer.train import train


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> dict[str, Path]:
    """Folders by name: ``Random``, ``Pop``, ``ItemKNN``, ``MLP``, ``rerank``, ``curves``."""
    root = tmp_path_factory.mktemp("report")
    values: dict[str, Any] = {
        **{"data_path": str(cycle_home), "dataset": "cycle", "topk": [5, 10], "show_progress": False},
        **{"min_user_interactions": 1, "min_item_interactions": 1, "valid_metric": "NDCG@5", "epochs": 1},
    }
    found = {}
    for name in ("Random", "Pop", "ItemKNN", "MLP"):
        train(name, overrides=values, output=root / name)
        found[name] = root / name
    run = str(found["ItemKNN"])
    depth = "--candidates=15"
    main(["rerank", run, "--method=popularity_penalty", "--alpha=0.1", depth, f"--output={root / 'rerank'}"])
    main(["pareto", run, "--methods=popularity_penalty", depth, f"--output={root / 'curves'}"])
    return {**found, "rerank": root / "rerank", "curves": root / "curves"}
