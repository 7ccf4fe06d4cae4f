"""Shared fixtures: a tiny atomic data set whose right answer is known, and the real set where it is present."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

import recbole_ext._compat  # noqa: F401  every test sees the repaired host

torch.set_num_threads(2)
# No timed tests: how long an example takes says something about the machine alone.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Row = tuple[str, str, float, int]


def write_inter(folder: Path, name: str, rows: Iterable[Row]) -> Path:
    """An atomic data set from ``(user, item, rating, time)`` rows, in their order."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    lines += [f"{user}\t{item}\t{rating}\t{time}" for user, item, rating, time in rows]
    path = place / f"{name}.inter"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def cycle_rows(users: int = 60, items: int = 20, length: int = 12, seed: int = 0) -> list[Row]:
    """Each user walks a cycle of items from a random start: the next item follows from the last one."""
    rng = np.random.default_rng(seed)
    return [
        (f"u{user}", f"i{(start + step) % items}", 4.0, 1_000_000_000 + 10 * step)
        for user, start in enumerate(rng.integers(0, items, users))
        for step in range(length)
    ]


@pytest.fixture(scope="session")
def cycle_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``data_path`` with the cyclic data set ``cycle``."""
    folder = tmp_path_factory.mktemp("dataset")
    write_inter(folder, "cycle", cycle_rows())
    items = ["item_id:token\ttitle:token_seq\tgenres:token_seq"]
    items += [f"i{index}\tMovie {index}\tDrama Comedy" for index in range(20)]
    (folder / "cycle" / "cycle.item").write_text("\n".join(items) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def quick(cycle_home: Path) -> dict[str, object]:
    """Overrides for a run of seconds on the cyclic set."""
    return {
        "data_path": str(cycle_home),
        "dataset": "cycle",
        "epochs": 3,
        "train_batch_size": 256,
        "MAX_ITEM_LIST_LENGTH": 8,
        "topk": [5, 10],
        "min_user_interactions": 1,
        "min_item_interactions": 1,
        "show_progress": False,
        "use_gpu": False,
    }


@pytest.fixture
def inter(tmp_path: Path) -> Callable[[Iterable[Row]], Path]:
    """Writes an ``.inter`` file of one's own rows."""
    return lambda rows: write_inter(tmp_path, "toy", rows)


@pytest.fixture(scope="session")
def movielens_small() -> Path:
    """The folder of the real ml-latest-small."""
    places = [*filter(None, os.environ.get("MOVIELENS_HOME", "").split(os.pathsep)), "../shared/data"]
    root = Path(__file__).resolve().parent.parent
    for place in places:
        folder = (root / place / "ml-latest-small").resolve()
        if (folder / "ratings.csv").is_file():
            return folder
    pytest.skip("ml-latest-small is not on this disk: set MOVIELENS_HOME to the folder that holds it")
