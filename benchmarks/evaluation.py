"""RecBole against recbole_ext, side by side: full evaluation of BPR, fit and full evaluation of ItemKNN.

``python -m benchmarks.evaluation`` prints a Markdown table. Each figure comes from a process of its own; memory is
the peak above what the process held when the data were ready. RecBole is repaired by ``recbole_ext._compat``, so
that it runs at all, and is otherwise untouched.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import synthetic
from recbole_ext import _compat

_compat.apply()

from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.utils import get_model, get_trainer  # noqa: E402

from recbole_ext.config import build_config  # noqa: E402
from recbole_ext.data.build import prepare_data  # noqa: E402
from recbole_ext.registry import resolve_model, trainer_for  # noqa: E402

NAME = "synthetic"
SIDES = ("RecBole", "recbole_ext")
SETTINGS = {
    "metrics": ["Recall", "MRR", "NDCG", "Hit", "Precision"],
    "topk": [10],
    "valid_metric": "NDCG@10",
    "show_progress": False,
    "use_gpu": False,
}

Start = Callable[[], Callable[[], Any]]


def _host(name: str, home: Path) -> Start:
    """Everything before the model of RecBole; then the model; then its evaluation."""
    sys.argv = sys.argv[:1]  # Config reads it
    own = {
        "data_path": str(home),
        "checkpoint_dir": str(home),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "train_neg_sample_args": None if name == "ItemKNN" else {"distribution": "uniform", "sample_num": 1},
    }
    config = Config(name, NAME, config_dict={**SETTINGS, **own})
    train, _, test = data_preparation(config, create_dataset(config))

    def start() -> Callable[[], Any]:
        model = get_model(name)(config, train.dataset)
        trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
        trainer.tot_item_num = train.dataset.item_num
        return lambda: trainer.evaluate(test, load_best_model=False)

    return start


def _ours(name: str, home: Path) -> Start:
    """The same three steps of recbole_ext."""
    spec, model_class = resolve_model(name)
    own = {"data_path": str(home), "min_user_interactions": 1, "min_item_interactions": 1}
    config = build_config(model_class, NAME, (), {**SETTINGS, **own})
    data = prepare_data(config)

    def start() -> Callable[[], Any]:
        trainer = trainer_for(spec, model_class)(config, model_class(config, data.dataset))
        return lambda: trainer.rank(data.test).means

    return start


def _peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def measured(side: str, name: str, home: Path) -> dict[str, float]:
    """Seconds of fit and of one evaluation, and MiB, of one model in this process."""
    start = {"RecBole": _host, "recbole_ext": _ours}[side](name, home)
    before = _peak()
    began = time.perf_counter()
    evaluate = start()
    fitted = time.perf_counter()
    evaluate()
    ended = time.perf_counter()
    return {"fit": fitted - began, "evaluation": ended - fitted, "MiB": max(_peak() - before, 1.0)}


def _in_a_process(side: str, name: str, home: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.evaluation", "--one", side, name, str(home)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    """Prints the table, or one figure as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=6_249)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--interactions", type=int, default=800_000)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], given.one[1], Path(given.one[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        synthetic.write(home / NAME, given.users, given.items, given.interactions)
        print(f"{given.users} users, {given.items} items, {torch.get_num_threads()} threads\n")
        print("| what | RecBole | recbole_ext | ratio |\n|---|---:|---:|---:|")
        for name, parts in (("BPR", ("evaluation", "MiB")), ("ItemKNN", ("fit", "evaluation", "MiB"))):
            host, ours = (_in_a_process(side, name, home) for side in SIDES)
            for part in parts:
                unit = "memory, MiB" if part == "MiB" else f"{part}, s"
                ratio = host[part] / ours[part]
                print(f"| {name}: {unit} | {host[part]:.2f} | {ours[part]:.2f} | {ratio:.0f} |", flush=True)


if __name__ == "__main__":
    main()
