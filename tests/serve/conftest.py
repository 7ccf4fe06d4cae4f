"""Small served runs: a sequence model, a linear one, factors that solve for a person, and popularity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import recbole_ext as rx
from recbole_ext.serve.app import guarded_app
from recbole_ext.serve.settings import ServeSettings, Told
from recbole_ext.serve.state import State

VALUES: dict[str, Any] = {
    "dataset": "cycle",
    "epochs": 3,
    "train_batch_size": 256,
    "MAX_ITEM_LIST_LENGTH": 8,
    "topk": [5],
    "valid_metric": "NDCG@5",
    "min_user_interactions": 1,
    "min_item_interactions": 1,
    "use_gpu": False,
}
MODELS = ("GRU4Rec", "EASE", "BPR", "Pop", "CDAE")


@pytest.fixture(scope="session")
def served_folders(tmp_path_factory: pytest.TempPathFactory, cycle_home: Path) -> dict[str, Path]:
    """Run folders by model; that of EASE has curves."""
    root = tmp_path_factory.mktemp("served")
    for name in MODELS:
        run = rx.train(name, **VALUES, data_path=cycle_home, output=root / name, progress=False)
        if name == "EASE":
            run.pareto(["popularity_penalty", "mmr"], candidates=15, progress=False)
    return {name: root / name for name in MODELS}


def settings_of(folders: dict[str, Path], state: Path, **more: Any) -> ServeSettings:
    """Settings for some runs, by the names of their models."""
    return ServeSettings(tuple(Told(name, path) for name, path in folders.items()), state=state, **more)


@pytest.fixture(scope="session")
def state(served_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> State:
    """A process of the server with all models open."""
    found = State(settings_of(served_folders, tmp_path_factory.mktemp("session")), "test")
    found.open()
    assert not found.error
    return found


@pytest.fixture(scope="session")
def client(state: State) -> TestClient:
    """Requests to the application, without a network. The models stay open when it is closed."""
    return TestClient(guarded_app(state), base_url="http://localhost")
