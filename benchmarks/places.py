"""How many places of a training batch hold a target, and what that costs: ``python -m benchmarks.places``.

Counts the places of an epoch's batches of windows both ways of ``window_batches``: random, where a batch is as wide as
a window can be, and by_length. ``short`` is made of random numbers: 31,000 users with nine training items on average.
With ``--model`` an epoch of that model is trained both ways, in processor seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recbole_ext.config.build import build_config
from recbole_ext.data.build import prepare_data, train_loader
from recbole_ext.data.movielens import is_prepared, prepare
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.model.registry import resolve_model
from recbole_ext.trainer.build import build_trainer

__all__ = ["main", "short_histories"]

_WAYS = ("random", "by_length")
_ITEMS = 3_000


def short_histories(users: int, folder: Path) -> str:
    """Writes ``short``, histories of 12 items on average of which the last two are held out; returns its name."""
    rng = np.random.default_rng(0)
    length = 3 + rng.geometric(1 / 9, users)
    user = np.repeat(np.arange(users), length)
    item = (_ITEMS * rng.random(len(user)) ** 2).astype(np.int64)
    frame = pl.DataFrame({"user_id:token": user, "item_id:token": item, "rating:float": 4.0})
    (folder / "short").mkdir(parents=True, exist_ok=True)
    frame.with_columns(pl.int_range(pl.len()).alias("timestamp:float")).write_csv(
        folder / "short" / "short.inter", separator="\t"
    )
    return "short"


def _loader(model: str, keys: dict[str, Any]) -> tuple[Any, Any, WindowLoader]:
    config = build_config(resolve_model(model)[1], None, (), keys)
    data = prepare_data(config)
    loader = train_loader(config, data, resolve_model(model)[1])
    assert isinstance(loader, WindowLoader)
    return config, data, loader


def _shares(keys: dict[str, Any]) -> list[float]:
    return [_loader("GRU4Rec", {**keys, "window_batches": way})[2].filled_share() for way in _WAYS]


def _seconds(model: str, keys: dict[str, Any], folder: Path) -> list[float]:
    """Processor seconds of the second epoch, each way."""
    taken = []
    for way in _WAYS:
        config, data, _ = _loader(model, {**keys, "window_batches": way})
        trainer, loader = build_trainer(config, *resolve_model(model), data, folder)
        for epoch in range(2):
            began = time.process_time()
            trainer._train_epoch(loader, epoch)
        taken.append(time.process_time() - began)
    return taken


def main(arguments: list[str] | None = None) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.places", description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["ml-100k", "ml-latest-small", "short"])
    parser.add_argument("--lengths", nargs="+", type=int, default=[50, 200])
    parser.add_argument("--users", type=int, default=31_000, help="users of the set short")
    parser.add_argument("--model", help="also train an epoch of this model")
    options = parser.parse_args(arguments)
    timed = " random, an epoch | by length |" if options.model else ""
    print(f"| data set | window | random | by length |{timed}")
    print(f"| --- | ---: | ---: | ---: |{' ---: | ---: |' if options.model else ''}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.datasets:
            if name == "short":
                short_histories(options.users, Path(folder))
            elif not is_prepared(name, Path(folder)):
                prepare(name, out=Path(folder), download=False)
            for width in options.lengths:
                keys = {"data_path": folder, "dataset": name, "MAX_ITEM_LIST_LENGTH": width, "use_gpu": False}
                keys |= {"mask_seen": False, "show_progress": False}
                if name == "short":
                    keys |= {"min_user_interactions": 1, "min_item_interactions": 1}
                cells = [f"{share:.1%}" for share in _shares(keys)]
                if options.model:
                    cells += [f"{seconds:.1f} s" for seconds in _seconds(options.model, keys, Path(folder))]
                print(f"| {name} | {width} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
