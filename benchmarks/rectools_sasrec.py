"""RecTools' SASRec on the same ordered data: ``PYTHON -m benchmarks.rectools_sasrec JSON``; prints one JSON line.

Imports RecTools, torch, numpy and pandas only, since RecTools 0.19 cannot be installed beside pandas 3: PYTHON is that
of an environment of its own (``pip install torch==2.13.0 "rectools[torch]==0.19.0"``). An epoch is one call of
``fit_partial``; after each one NDCG@10 of every user's last but one item is computed from RecTools' own lists, as
RecTools ranks (nothing masked), and training stops after ten epochs without a better one.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.clock import now
from benchmarks.memory import peak_gib

__all__ = ["main"]

_PATIENCE = 10


def _frame(job: dict[str, Any]) -> pd.DataFrame:
    """Interactions with RecTools' column names and each one's place from the end of its user's history."""
    file = Path(job["data_path"]) / job["dataset"] / f"{job['dataset']}.inter"
    frame = pd.read_csv(file, sep="\t", dtype={0: str, 1: str})
    frame.columns = pd.Index(["user_id", "item_id", "place"])
    frame = frame.sort_values(["user_id", "place"], kind="stable")
    frame["datetime"] = pd.Timestamp("2000-01-01") + pd.to_timedelta(frame["place"], unit="s")
    frame["weight"] = 1.0
    frame["from_end"] = frame.groupby("user_id").cumcount(ascending=False)
    return frame


def _ndcg(model: Any, dataset: Any, wanted: pd.DataFrame) -> dict[str, float]:
    """NDCG@10 of each user's one held-out item."""
    users = wanted["user_id"].to_numpy()
    lists = model.recommend(users, dataset, k=10, filter_viewed=False, on_unsupported_targets="ignore")
    hits = lists.merge(wanted[["user_id", "item_id"]], on=["user_id", "item_id"])
    found = dict.fromkeys(users, 0.0)
    found.update(zip(hits["user_id"], 1 / np.log2(hits["rank"].to_numpy() + 1), strict=True))
    return found


def _model(job: dict[str, Any]) -> Any:
    from pytorch_lightning import Trainer
    from rectools.models import SASRecModel

    def trainer() -> Trainer:
        quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        return Trainer(max_epochs=job["most_epochs"], logger=False, accelerator="cpu", devices=1, **quiet)

    return SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        session_max_len=job["length"],
        loss="softmax",
        get_trainer_func=trainer,
        recommend_torch_device="cpu",
        **job["keys"],
    )


def _trained(job: dict[str, Any]) -> dict[str, Any]:
    from rectools.dataset import Dataset

    frame = _frame(job)
    parts = {place: frame[frame["from_end"] > place] for place in (0, 1)}
    columns = ["user_id", "item_id", "weight", "datetime"]
    before_test, before_valid = (Dataset.construct(parts[place][columns]) for place in (0, 1))
    valid, test = (frame[frame["from_end"] == place] for place in (1, 0))
    model = _model(job)
    seconds: list[float] = []
    scores: list[float] = []
    best: Any = None
    while (
        len(seconds) < job["most_epochs"]
        and len(scores) - (int(np.argmax(scores)) if scores else 0) <= _PATIENCE
    ):
        began = now(job["threads"])
        model.fit_partial(before_valid, 1, 1)
        scores.append(float(np.mean(list(_ndcg(model, before_valid, valid).values()))))
        seconds.append(now(job["threads"]) - began)
        if scores[-1] == max(scores):
            best = copy.deepcopy(model.lightning_model.state_dict())
    model.lightning_model.load_state_dict(best)
    place = int(np.argmax(scores))
    return {
        "epochs": len(scores),
        "epoch_seconds": float(np.median(seconds)),
        "best_epoch": place,
        "best_validation": scores[place],
        "seconds_to_best": float(np.sum(seconds[: place + 1])),
        "validation": scores,
        "seconds": seconds,
        "finished": True,
        "per_user": _ndcg(model, before_test, test),
    }


def main() -> None:
    """Runs the job that stands in the first argument."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    np.random.seed(job["seed"])
    began = time.perf_counter()
    figures = _trained(job)
    peak = peak_gib()
    whole = time.perf_counter() - began - float(np.sum(figures["seconds"]))
    print(json.dumps({**job, **figures, "load_seconds": whole, "peak_gib": peak}))


if __name__ == "__main__":
    main()
