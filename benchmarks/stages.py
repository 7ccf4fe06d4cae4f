"""One measured stage a process: ``python -m benchmarks.stages STAGE FOLDER --ratings=N``; facts go to stdout."""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["NAME", "STAGES", "main"]

NAME = "ml-32m"


def _generate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.synthetic import shape_of, write_raw_set

    write_raw_set(folder / "raw" / NAME, shape_of(options.ratings))
    return {"bytes": (folder / "raw" / NAME / "ratings.csv").stat().st_size}


def _prepare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from recbole_ext.data.movielens import prepare

    began = time.perf_counter()
    prepared = prepare(NAME, source=folder / "raw", out=folder / "dataset", download=False)
    return {
        "inside": time.perf_counter() - began,
        "users": prepared.users,
        "items": prepared.items,
        "ratings": prepared.interactions,
    }


def _opened(model: str, folder: Path, options: argparse.Namespace) -> tuple[Any, Any, type, Any, float]:
    """Specification, configuration, class, data, and the seconds that opening the data took."""
    import yaml

    from recbole_ext.config.build import build_config
    from recbole_ext.data.build import prepare_data
    from recbole_ext.model.registry import resolve_model

    spec, model_class = resolve_model(model)
    given = dict(pair.split("=", 1) for pair in options.set)
    overrides = {
        "data_path": str(folder / "dataset"),
        "use_gpu": options.gpu,
        "show_progress": False,
        "epochs": 1,
        **{key: yaml.safe_load(value) for key, value in given.items()},
    }
    config = build_config(model_class, NAME, [], overrides)
    began = time.perf_counter()
    data = prepare_data(config)
    return spec, config, model_class, data, time.perf_counter() - began


def _load(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from recbole_ext.data.build import fingerprint
    from recbole_ext.data.statistics import dataset_statistics

    _, _, _, data, seconds = _opened("GRU4Rec", folder, options)
    began = time.perf_counter()
    figures = dataset_statistics(data.split)
    mark = fingerprint(data.split)
    facts = {key: figures[key] for key in ("users", "items", "interactions", "train")}
    return {
        "inside": seconds,
        "statistics_and_fingerprint": time.perf_counter() - began,
        **facts,
        "fingerprint": mark,
    }


class _FirstBatches:
    """The first batches of a loader's epoch, for a measurement that is then extrapolated."""

    def __init__(self, loader: Any, number: int) -> None:
        self._loader, self._number = loader, number

    def __len__(self) -> int:
        return min(self._number, len(self._loader))

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(iter(self._loader), self._number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _built(model: str, folder: Path, options: argparse.Namespace) -> tuple[Any, Any, Any, float]:
    from recbole_ext.trainer.build import build_trainer

    spec, config, model_class, data, seconds = _opened(model, folder, options)
    (folder / model).mkdir(exist_ok=True)
    trainer, loader = build_trainer(config, spec, model_class, data, folder / model)
    return trainer, loader, data, seconds


def _train(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    trainer, loader, _, seconds = _built("GRU4Rec", folder, options)
    whole = len(loader)
    loader = _FirstBatches(loader, options.batches) if options.batches else loader
    began = time.perf_counter()
    trainer.fit(loader, None, verbose=False, show_progress=False)
    epoch = time.perf_counter() - began
    facts = {"load": seconds, "inside": epoch, "batches": len(loader), "batches_of_the_epoch": whole}
    if len(loader) < whole:
        facts["extrapolated_epoch"] = epoch * whole / len(loader)
    return {**facts, "loss_per_batch": float(trainer.train_loss_dict[0]) / len(loader)}


def _evaluated(trainer: Any, data: Any, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Ranks the users of the test and computes all metrics; intervals, bounds and lists on demand."""
    from recbole_ext.runs.lists import write_lists
    from recbole_ext.trainer.summary import test_figures

    loader = data.test
    whole = len(loader.users)
    if options.users:
        loader.users = loader.users[: options.users]
    began = time.perf_counter()
    result = trainer.rank(loader)
    inside = time.perf_counter() - began
    facts = {
        "inside": inside,
        "scoring": result.seconds,
        "users": len(loader.users),
        "users_of_the_test": whole,
    }
    if len(loader.users) < whole:
        facts["extrapolated"] = inside * whole / len(loader.users)
    if options.figures:
        began = time.perf_counter()
        test_figures(data, result, result, 0.95)
        write_lists(folder, data.dataset.interactions, data.dataset.item_file, result)
        facts["figures"] = time.perf_counter() - began
    return {**facts, "ndcg@10": result.means["ndcg@10"], "recall@10": result.means["recall@10"]}


def _evaluate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    trainer, _, data, seconds = _built("GRU4Rec", folder, options)
    trainer.load_best()
    return {"load": seconds, **_evaluated(trainer, data, folder, options)}


def _itemknn(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    # The keys are meant for the sequence model, and most of them mean nothing here.
    options.set = []
    began = time.perf_counter()
    trainer, loader, data, seconds = _built("ItemKNN", folder, options)
    fitted = time.perf_counter() - began - seconds
    trainer.fit(loader, None, verbose=False, show_progress=False)
    return {"load": seconds, "fitting": fitted, **_evaluated(trainer, data, folder, options)}


STAGES = {
    "generate": _generate,
    "prepare": _prepare,
    "load": _load,
    "train": _train,
    "evaluate": _evaluate,
    "itemknn": _itemknn,
}


def parser() -> argparse.ArgumentParser:
    """The options that a stage takes."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--batches", type=int, default=0, help="train on the first batches only; 0 = the epoch"
    )
    options.add_argument("--users", type=int, default=0, help="evaluate the first users only; 0 = all")
    options.add_argument(
        "--figures", action="store_true", help="intervals, bounds and lists of a run as well"
    )
    options.add_argument("--gpu", action="store_true", help="use the GPU")
    options.add_argument("--set", action="append", default=[], help="KEY=VALUE of the configuration")
    return options


def main() -> None:
    """Runs one stage and prints its facts as the last line."""
    options = argparse.ArgumentParser(parents=[parser()])
    options.add_argument("stage", choices=STAGES)
    options.add_argument("folder", type=Path)
    options.add_argument("--ratings", type=int, required=True)
    given = options.parse_args()
    print(json.dumps(STAGES[given.stage](given.folder, given)))


if __name__ == "__main__":
    main()
