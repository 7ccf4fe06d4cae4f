"""Runs of seconds on the cyclic set: one model of each way to know a person."""

from __future__ import annotations

from pathlib import Path

import pytest

import recbole_ext as rx

VALUES = {
    **{"dataset": "cycle", "topk": [5], "valid_metric": "NDCG@5", "epochs": 2, "use_gpu": False},
    **{"min_user_interactions": 1, "min_item_interactions": 1},
}
OWN = {
    "GRU4Rec": {"MAX_ITEM_LIST_LENGTH": 8},
    "EASE": {},
    "ItemKNN": {},
    "MultiVAE": {"mlp_hidden_size": [16], "latent_dimension": 8},
    "BPR": {},
    "Pop": {},
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> dict[str, Path]:
    """Run folders by model; ``GRU4Rec-repeats`` does not mask what was seen."""
    root = tmp_path_factory.mktemp("runs")
    cases = {name: (name, own) for name, own in OWN.items()}
    cases["GRU4Rec-repeats"] = ("GRU4Rec", {**OWN["GRU4Rec"], "mask_seen": False})
    for place, (name, own) in cases.items():
        rx.train(name, **VALUES, **own, data_path=cycle_home, output=root / place, progress=False)
    return {place: root / place for place in cases}
