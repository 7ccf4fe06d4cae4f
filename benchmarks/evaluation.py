"""Full evaluation and ItemKNN, stock RecBole beside this package: ``python -m benchmarks.evaluation``.

A made-up set of 6,249 users, 10,000 items and 0.8 million interactions. Each figure comes from a process of its own;
memory is the peak above what the process held when the data was loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import recbole_ext._compat  # noqa: F401  stock RecBole runs repaired too
from benchmarks.memory import peak_gib, restart_peak

__all__ = ["main"]

_SHARED: dict[str, Any] = {
    "dataset": "made",
    "topk": [10],
    "metrics": ["Recall", "NDCG"],
    "valid_metric": "NDCG@10",
    "show_progress": False,
    "use_gpu": False,
}


def write_made(folder: Path, users: int, items: int, interactions: int) -> None:
    """An ``.inter`` file with popularity by a power law and every item at least once."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, items + 1) ** 0.8
    drawn = rng.choice(items, interactions, p=share / share.sum())
    drawn[:items] = np.arange(items)
    owner = rng.integers(0, users, interactions)
    pairs = np.unique(owner * items + drawn)
    lines = [f"u{pair // items}\ti{pair % items}\t{n % 1000 + 1}" for n, pair in enumerate(pairs.tolist())]
    (folder / "made").mkdir(parents=True)
    head = "user_id:token\titem_id:token\ttimestamp:float"
    (folder / "made" / "made.inter").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def _host(job: dict[str, Any]) -> dict[str, float]:
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    sys.argv = sys.argv[:1]
    values = {
        **_SHARED,
        "data_path": job["data_path"],
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "checkpoint_dir": tempfile.mkdtemp(),
    }
    config = Config(model=job["model"], config_dict=values)
    init_seed(1, True)
    dataset = create_dataset(config)
    train, _, test = data_preparation(config, dataset)
    held, began = restart_peak(), time.perf_counter()
    model = get_model(config["model"])(config, train.dataset)
    built = time.perf_counter() - began
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    began = time.perf_counter()
    trainer.evaluate(test, load_best_model=False, show_progress=False)
    return {"build": built, "evaluate": time.perf_counter() - began, "gib": peak_gib() - held}


def _ours(job: dict[str, Any]) -> dict[str, float]:
    from recbole_ext.config.build import build_config
    from recbole_ext.data.build import prepare_data
    from recbole_ext.model.registry import resolve_model
    from recbole_ext.trainer.build import trainer_for

    spec, model_class = resolve_model(job["model"])
    values = {
        **_SHARED,
        "data_path": job["data_path"],
        "min_user_interactions": 0,
        "min_item_interactions": 0,
    }
    config = build_config(model_class, None, (), values)
    data = prepare_data(config)
    held, began = restart_peak(), time.perf_counter()
    model = model_class(config, data.dataset)
    built = time.perf_counter() - began
    trainer = trainer_for(spec, model_class)(config, model)
    began = time.perf_counter()
    trainer.rank(data.test)
    return {"build": built, "evaluate": time.perf_counter() - began, "gib": peak_gib() - held}


def _run(side: str, model: str, data_path: Path, threads: int) -> dict[str, float]:
    job = {"side": side, "model": model, "data_path": str(data_path)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.evaluation", "--job", json.dumps(job)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["BPR", "ItemKNN"])
    parser.add_argument("--users", type=int, default=6_249)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--interactions", type=int, default=800_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.job:
        job = json.loads(options.job)
        print(json.dumps((_host if job["side"] == "RecBole" else _ours)(job)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_made(Path(folder), options.users, options.items, options.interactions)
        print("| model | side | build s | evaluate all users s | both s | GiB above the data |")
        print("| --- | --- | ---: | ---: | ---: | ---: |")
        for model in options.models:
            sides = {
                side: _run(side, model, Path(folder), options.threads) for side in ("RecBole", "recbole_ext")
            }
            for side, found in sides.items():
                both = found["build"] + found["evaluate"]
                print(
                    f"| {model} | {side} | {found['build']:.2f} | {found['evaluate']:.2f} | {both:.2f} | "
                    f"{found['gib']:.2f} |"
                )
            host, ours = sides.values()
            both = (host["build"] + host["evaluate"]) / (ours["build"] + ours["evaluate"])
            print(
                f"| {model} | **ratio** | {host['build'] / ours['build']:.1f} | "
                f"**{host['evaluate'] / ours['evaluate']:.1f}** | **{both:.1f}** | {host['gib'] / ours['gib']:.1f} |"
            )


if __name__ == "__main__":
    main()
