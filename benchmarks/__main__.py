"""Stock RecBole and this package side by side: ``python -m benchmarks``.

Both get the same atomic file, whose time stamps are each interaction's place in its user's history, so that RecBole's
32-bit times cannot change the order. Both stop after ten validations without a better NDCG@10, unmasked as RecBole
ranks. Each side runs in a process of its own, one after the other; finished jobs are kept in a file and not run again.
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

import numpy as np
import polars as pl

from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.movielens import is_prepared, prepare

__all__ = ["main", "ranked_dataset", "table"]

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
    frame = pl.read_csv(folder / name / f"{name}.inter", separator="\t", infer_schema=False)
    user, item = (next(c for c in frame.columns if c.startswith(word)) for word in ("user_id", "item_id"))
    place = pl.int_range(pl.len()).over(user).alias("timestamp:float")
    (folder / ranked).mkdir(parents=True)
    frame.select(user, item, place).write_csv(folder / ranked / f"{ranked}.inter", separator="\t")
    return ranked


def _jobs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for dataset in options.datasets:
        name = ranked_dataset(dataset, options.work / "data")
        for model in options.models:
            for seed in options.seeds:
                for side in ("recbole_ext", "RecBole"):
                    yield {
                        "side": side,
                        "model": model,
                        "dataset": name,
                        "seed": seed,
                        "length": options.length,
                        "epochs": options.epochs,
                        "threads": options.threads,
                        "most_seconds": options.most_seconds,
                        "data_path": str(options.work / "data"),
                        "keys": _KEYS.get(model, {}).get(side, {}),
                    }


def _key(job: dict[str, Any]) -> str:
    return json.dumps(
        [job[name] for name in ("side", "model", "dataset", "seed", "length", "epochs", "threads")]
    )


def _run(job: dict[str, Any]) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    command = [sys.executable, "-m", "benchmarks.side", json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"side"')]
    if done.returncode or not lines:
        tail = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {**job, "failed": tail}
    return json.loads(lines[-1])


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(values)) if values else float("nan")


def _per_user(rows: list[dict[str, Any]]) -> dict[str, float]:
    users = rows[0].get("per_user") or {}
    return {
        user: float(np.mean([row["per_user"][user] for row in rows if row.get("per_user")])) for user in users
    }


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: per data set and model both sides and their ratio; means over seeds.

    Args:
        results: What the sides printed.
    """
    lines = [
        "| data set | model | side | s an epoch | epochs | best epoch | s to best | validation NDCG@10 | "
        "test NDCG@10 | difference of test [95 %] | peak GiB | load s |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups = list(dict.fromkeys((row["dataset"], row["model"]) for row in results))
    for dataset, model in groups:
        sides = {
            side: [
                row
                for row in results
                if (row["dataset"], row["model"], row["side"]) == (dataset, model, side)
                and "failed" not in row
            ]
            for side in ("RecBole", "recbole_ext")
        }
        lines += [
            _side_line(dataset, model, side, rows, sides["RecBole"]) for side, rows in sides.items() if rows
        ]
        if all(sides.values()):
            ratios = [
                _mean(sides["RecBole"], name) / _mean(sides["recbole_ext"], name)
                for name in ("epoch_seconds", "seconds_to_best", "peak_gib", "load_seconds")
            ]
            whole = "" if all(row["finished"] for row in sides["RecBole"]) else "≥ "
            lines.append(
                f"| {dataset} | {model} | **ratio** | **{ratios[0]:.1f}** | | | **{whole}{ratios[1]:.1f}** | | | | "
                f"{ratios[2]:.2f} | {ratios[3]:.1f} |"
            )
    failed = [
        f"- failed: {row['side']} {row['model']}: {row['failed']}" for row in results if "failed" in row
    ]
    return "\n".join([*lines, *failed])


def _side_line(
    dataset: str, model: str, side: str, rows: list[dict[str, Any]], host: list[dict[str, Any]]
) -> str:
    per_user, difference = _per_user(rows), ""
    if side != "RecBole" and per_user and host and (other := _per_user(host)):
        users = sorted(per_user)
        found = paired_difference(
            np.array([per_user[user] for user in users]), np.array([other[user] for user in users])
        )
        difference = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    test = f"{np.mean(list(per_user.values())):.4f}" if per_user else ""
    cut = "" if all(row["finished"] for row in rows) else " (cut short)"
    return (
        f"| {dataset} | {model} | {side} | {_mean(rows, 'epoch_seconds'):.2f} | {_mean(rows, 'epochs'):.0f}{cut} | "
        f"{_mean(rows, 'best_epoch'):.0f} | {_mean(rows, 'seconds_to_best'):.0f} | "
        f"{_mean(rows, 'best_validation'):.4f} | {test} | {difference} | {_mean(rows, 'peak_gib'):.2f} | "
        f"{_mean(rows, 'load_seconds'):.1f} |"
    )


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
    results = []
    for job in _jobs(options):
        if _key(job) not in known:
            print(
                f"running {job['side']} {job['model']} on {job['dataset']}, seed {job['seed']}",
                file=sys.stderr,
            )
            known[_key(job)] = _run(job)
            if "failed" not in known[_key(job)]:
                with store.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[_key(job)]) + "\n")
        results.append(known[_key(job)])
    print(table(results))


if __name__ == "__main__":
    main()
