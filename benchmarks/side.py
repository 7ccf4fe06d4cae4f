"""One side of the comparison, in a process of its own: stock RecBole or this package, on the same ordered data.

A job of no epochs measures how fast the data are opened and users ranked, with weights as they are drawn. Called as
``python -m benchmarks.side JSON``; prints one JSON line. Stock RecBole is touched through ``_compat`` only.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import recbole_ext._compat  # noqa: F401  stock RecBole runs repaired too
from benchmarks.clock import now
from benchmarks.memory import peak_gib

__all__ = ["main"]

_EVALUATIONS = 3
_SHARED = {"topk": [10], "valid_metric": "NDCG@10", "metrics": ["Hit", "NDCG"]}


class _Clock:
    """Seconds of training and validation of each epoch, and where an epoch was cut short."""

    def __init__(self, most_seconds: float, threads: int) -> None:
        self.threads = threads
        self.most, self.began = most_seconds, time.perf_counter()
        self.train: list[float] = []
        self.valid: list[float] = []
        self.scores: list[float] = []

    @property
    def over(self) -> bool:
        return time.perf_counter() - self.began > self.most

    def report(self) -> dict[str, Any]:
        best = int(np.argmax(self.scores)) if self.scores else None
        both = np.add(self.train[: len(self.valid)], self.valid)
        ends = np.cumsum(both)
        return {
            "validation": self.scores,
            "seconds": both.tolist(),
            "epochs": len(self.scores),
            "epoch_seconds": float(np.median(both if len(both) else self.train)) if self.train else None,
            "best_epoch": best,
            "best_validation": self.scores[best] if best is not None else None,
            "seconds_to_best": float(ends[best]) if best is not None else None,
        }


class _OutOfTime(Exception):
    pass


def _host_values(job: dict[str, Any]) -> dict[str, Any]:
    return {
        **_SHARED,
        "data_path": job["data_path"],
        "seed": job["seed"],
        "epochs": job["most_epochs"],
        "stopping_step": 10,
        "train_batch_size": 2048,
        "eval_batch_size": 4096,
        "MAX_ITEM_LIST_LENGTH": job["length"],
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "train_neg_sample_args": None,
        "checkpoint_dir": tempfile.mkdtemp(),
        "show_progress": False,
        "state": "ERROR",
        "use_gpu": False,
        **job["keys"],
    }


def _host(job: dict[str, Any]) -> dict[str, Any]:
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_logger, init_seed

    sys.argv = sys.argv[:1]
    config = Config(model=job["model"], dataset=job["dataset"], config_dict=_host_values(job))
    init_seed(config["seed"], True)
    init_logger(config)
    began = time.perf_counter()
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    loaded = time.perf_counter() - began
    model = get_model(config["model"])(config, train.dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    if job["most_epochs"] == 0:
        users = len(test.dataset)
        seconds = _evaluation_seconds(lambda: trainer.evaluate(test, load_best_model=False), job["threads"])
        return {"finished": True, "load_seconds": loaded, "users_a_second": users / seconds}
    clock = _timed(trainer, _Clock(job["most_seconds"], job["threads"]))
    try:
        trainer.fit(train, valid, saved=True, show_progress=False)
        finished = True
    except _OutOfTime:
        finished = False
    figures = {**clock.report(), "finished": finished, "load_seconds": loaded}
    if clock.scores:
        state = torch.load(trainer.saved_model_file, map_location="cpu", weights_only=False)
        model.load_state_dict(state["state_dict"])
        figures["per_user"] = _host_ndcg(model, test, dataset)
    return figures


def _evaluation_seconds(evaluate: Callable[[], Any], threads: int) -> float:
    """Median of a few evaluations, without the first, which allocates."""
    taken = []
    for _ in range(_EVALUATIONS + 1):
        began = now(threads)
        evaluate()
        taken.append(now(threads) - began)
    return float(np.median(taken[1:]))


def _timed(trainer: Any, clock: _Clock) -> _Clock:
    """Wraps one trainer's epoch and validation; an epoch beyond the time is the last."""
    train_epoch, valid_epoch = trainer._train_epoch, trainer._valid_epoch

    def timed_train(*args: Any, **kwargs: Any) -> Any:
        if clock.over:
            raise _OutOfTime
        began = now(clock.threads)
        result = train_epoch(*args, **kwargs)
        clock.train.append(now(clock.threads) - began)
        return result

    def timed_valid(*args: Any, **kwargs: Any) -> Any:
        began = now(clock.threads)
        score, result = valid_epoch(*args, **kwargs)
        clock.valid.append(now(clock.threads) - began)
        clock.scores.append(float(score))
        return score, result

    trainer._train_epoch, trainer._valid_epoch = timed_train, timed_valid
    return clock


@torch.no_grad()
def _host_ndcg(model: Any, test: Any, dataset: Any) -> dict[str, float]:
    """NDCG@10 of each user's held-out item by RecBole's own scores, nothing masked, by the user's token."""
    model.eval()
    found = {}
    for batch, _, rows, items in test:
        scores = model.full_sort_predict(batch).view(len(batch), -1)
        scores[:, 0] = -torch.inf
        wanted = scores[rows, items]
        rank = (scores[rows] > wanted[:, None]).sum(dim=1).numpy()
        users = dataset.id2token("user_id", batch["user_id"][rows].numpy())
        gains = np.where(rank < 10, 1 / np.log2(rank + 2), 0.0)
        found.update(zip(map(str, users), map(float, gains), strict=True))
    return found


def _prepared(job: dict[str, Any]) -> dict[str, float]:
    """Seconds from the raw set to atomic files."""
    from recbole_ext.data.movielens import prepare

    began = time.perf_counter()
    prepare(job["dataset"].removesuffix("-ranked"), out=Path(tempfile.mkdtemp()), download=False)
    return {"prepare_seconds": time.perf_counter() - began}


def _our_values(job: dict[str, Any]) -> dict[str, Any]:
    return {
        **_SHARED,
        "data_path": job["data_path"],
        "dataset": job["dataset"],
        "seed": job["seed"],
        "epochs": max(1, job["most_epochs"]),
        "min_user_interactions": 0,
        "min_item_interactions": 0,
        "mask_seen": False,
        "MAX_ITEM_LIST_LENGTH": job["length"],
        "show_progress": False,
        "use_gpu": False,
        **job["keys"],
    }


def _ours(job: dict[str, Any]) -> dict[str, Any]:
    from recbole_ext.config.build import build_config
    from recbole_ext.data.build import prepare_data
    from recbole_ext.model.registry import resolve_model
    from recbole_ext.trainer.build import build_trainer
    from recbole_ext.trainer.train import train

    values = _our_values(job)
    spec, model_class = resolve_model(job["model"])
    config = build_config(model_class, None, (), values)
    began = time.perf_counter()
    data = prepare_data(config)
    loaded = time.perf_counter() - began
    if job["most_epochs"] == 0:
        trainer, _ = build_trainer(config, spec, model_class, data, Path(tempfile.mkdtemp()))
        seconds = _evaluation_seconds(lambda: trainer.rank(data.test), job["threads"])
        users = len(data.test.users)
        return {"finished": True, **_prepared(job), "load_seconds": loaded, "users_a_second": users / seconds}
    ends = [now(job["threads"])]
    result = train(
        job["model"],
        overrides=values,
        output=Path(tempfile.mkdtemp()) / "run",
        on_epoch=lambda _: ends.append(now(job["threads"])),
    )
    users = pl.read_parquet(result.folder / "per_user.parquet", glob=False)
    # What came before the first epoch is not its own.
    epochs = [min(taken, entry["seconds"]) for taken, entry in zip(np.diff(ends), result.epochs, strict=True)]
    best = int(result.metrics["best_epoch"])
    return {
        "validation": [entry["valid_score"] for entry in result.epochs],
        "seconds": epochs,
        "epochs": len(epochs),
        "epoch_seconds": float(np.median(epochs)),
        "best_epoch": best,
        "best_validation": max(entry["valid_score"] for entry in result.epochs),
        "seconds_to_best": float(np.sum(epochs[: best + 1])),
        "finished": True,
        "load_seconds": loaded,
        "per_user": dict(zip(users["user_id"], users["ndcg@10"], strict=True)),
    }


def main() -> None:
    """Runs the job that stands in the first argument."""
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job["threads"])
    figures = (_host if job["side"] == "RecBole" else _ours)(job)
    peak = peak_gib()
    print(json.dumps({**job, **figures, "peak_gib": peak}))


if __name__ == "__main__":
    main()
