"""Stock RecBole and this package side by side: ``python -m benchmarks``.

Both get the same atomic file, whose time stamps are each interaction's place in its user's history, so that RecBole's
32-bit times cannot change the order. Both stop after ten validations without a better NDCG@10, unmasked as RecBole
ranks. Each side runs in a process of its own, one after the other; finished jobs are kept in a file and not run again.
RecTools' SASRec joins them with ``--rectools=PYTHON``, a Python that has RecTools.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.table import OURS, table
from recbole_ext.data.movielens import is_prepared, prepare

__all__ = ["main", "ranked_dataset"]

# RecBole's packaged sizes; where the two sides must differ to train alike, the difference stands here.
_KEYS: dict[str, dict[str, dict[str, Any]]] = {
    "GRU4Rec": {},
    "SASRec": {},
    "Caser": {},
    "BPR": {"RecBole": {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}},
}


def ranked_dataset(name: str, folder: Path) -> str:
    """Writes ``<name>-ranked``, with places in the history instead of time stamps, and returns its name.

    Args:
        name: A MovieLens set; ml-100k is always there, others are looked for in ``MOVIELENS_HOME``.
        folder: The ``data_path``.
    """
    ranked = f"{name}-ranked"
    if (folder / ranked / f"{ranked}.inter").is_file():
        return ranked
    if not is_prepared(name, folder):
        prepare(name, out=folder, download=False)
    frame = pl.read_csv(folder / name / f"{name}.inter", separator="\t", infer_schema=False, glob=False)
    user, item = (next(c for c in frame.columns if c.startswith(word)) for word in ("user_id", "item_id"))
    place = pl.int_range(pl.len()).over(user).alias("timestamp:float")
    (folder / ranked).mkdir(parents=True)
    frame.select(user, item, place).write_csv(folder / ranked / f"{ranked}.inter", separator="\t")
    return ranked


def _sides(options: argparse.Namespace, model: str, seed: int) -> Iterator[str]:
    """This package first: how long the others may take can depend on it."""
    yield OURS
    if seed in (options.host_seeds or options.seeds):
        yield "RecBole"
        if options.rectools and model == "SASRec":
            yield "RecTools"


def _learning_rate(options: argparse.Namespace, model: str, side: str) -> dict[str, float]:
    """Always written out, since the packages' defaults differ; RecTools' key has another name."""
    given = options.host_learning_rate if side != OURS else options.learning_rate
    if given is None:
        given = 1e-3 if side != OURS else float(_default(model))
    return {"lr" if side == "RecTools" else "learning_rate": given}


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Keys of this package alone."""
    return {key: yaml.safe_load(value) for key, _, value in (pair.partition("=") for pair in options.set)}


def _default(model: str) -> Any:
    from recbole_ext.config.build import build_config
    from recbole_ext.model.registry import resolve_model

    return build_config(resolve_model(model)[1], "ml-100k", (), {})["learning_rate"]


def _job(options: argparse.Namespace, name: str, model: str, seed: int, side: str) -> dict[str, Any]:
    return {
        "side": side,
        "model": model,
        "dataset": name,
        "seed": seed,
        "length": options.length,
        "most_epochs": options.epochs,
        "threads": options.threads,
        "most_seconds": options.most_seconds,
        "data_path": str(options.work / "data"),
        "keys": {
            **_KEYS.get(model, {}).get(side, {}),
            **_learning_rate(options, model, side),
            **(_given(options) if side == OURS else {}),
        },
    }


def _jobs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Training of every side and seed, then the jobs of no epochs, which open the data and rank users."""
    for dataset in options.datasets:
        name = ranked_dataset(dataset, options.work / "data")
        for model in options.models:
            for seed in options.seeds:
                for side in _sides(options, model, seed):
                    yield _job(options, name, model, seed, side)
            for side in ("RecBole", OURS):
                yield {**_job(options, name, model, options.seeds[0], side), "most_epochs": 0}


def _key(job: dict[str, Any]) -> str:
    return json.dumps(
        [
            job[name]
            for name in ("side", "model", "dataset", "seed", "length", "most_epochs", "threads", "keys")
        ]
    )


def _serves(stored: dict[str, Any] | None, job: dict[str, Any]) -> bool:
    """Whether a stored result answers the job: a run that was cut short does not under a larger limit."""
    return stored is not None and (stored["finished"] or stored["most_seconds"] >= job["most_seconds"])


def _run(job: dict[str, Any], rectools: str | None) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    python, module = sys.executable, "benchmarks.side"
    if job["side"] == "RecTools" and rectools:
        python, module = rectools, "benchmarks.rectools_sasrec"
    command = [python, "-m", module, json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"side"')]
    if done.returncode or not lines:
        tail = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {**job, "failed": tail}
    return json.loads(lines[-1])


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["GRU4Rec", "SASRec", "Caser"])
    parser.add_argument("--datasets", nargs="+", default=["ml-100k"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[2020, 2021, 2022])
    parser.add_argument("--length", type=int, default=50, help="window in items")
    parser.add_argument("--epochs", type=int, default=300, help="at most")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--most-seconds",
        type=float,
        default=float("inf"),
        help="RecBole starts no epoch after this; shown as cut short",
    )
    parser.add_argument(
        "--most-times",
        type=float,
        default=float("inf"),
        help="likewise, in units of this package's seconds to its best epoch",
    )
    parser.add_argument("--learning-rate", type=float, help="of this package; its defaults if left out")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of this package; repeatable")
    parser.add_argument(
        "--host-learning-rate", type=float, help="of the others; .001, their own, if left out"
    )
    parser.add_argument("--host-seeds", nargs="+", type=int, default=[], help="fewer seeds for the others")
    parser.add_argument("--rectools", help="a Python that has RecTools")
    parser.add_argument("--work", type=Path, default=Path("saved/benchmarks"), help="data and results")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs what is missing and prints the table of everything asked for."""
    options = _options(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    store = options.work / "results.jsonl"
    known = {}
    if store.is_file():
        known = {_key(row): row for row in map(json.loads, store.read_text(encoding="utf-8").splitlines())}
    results, taken = [], None
    for job in _jobs(options):
        if job["side"] != OURS and taken is not None:
            job["most_seconds"] = min(job["most_seconds"], options.most_times * taken)
        if not _serves(known.get(_key(job)), job):
            print(
                f"running {job['side']} {job['model']} on {job['dataset']}, seed {job['seed']}",
                file=sys.stderr,
            )
            known[_key(job)] = _run(job, options.rectools)
            if "failed" not in known[_key(job)]:
                with store.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[_key(job)]) + "\n")
        results.append(known[_key(job)])
        if job["side"] == OURS:
            taken = known[_key(job)].get("seconds_to_best")
    print(table(results))


if __name__ == "__main__":
    main()
