"""How far an epoch is from the matrix products that it cannot do without: ``python -m benchmarks.bound``.

Counts the floating-point operations of the products (and convolutions) of a model's training steps on ml-100k, forwards
and backwards, and divides them by what one large product reaches on this machine with the same number of threads, in
float32. Everything else of an epoch, such as memory traffic of element-wise work, small products below that speed, and
the optimiser, is the distance.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.switches import step_of, trainer_of
from recbole_ext.data.movielens import prepare

__all__ = ["counter", "main", "product_speed"]

_SIZE, _ROUNDS = 1536, 5


def _in_place(_: Any, a: Any, b: Any, **__: Any) -> int:
    """Operations of ``addmm_``, which PyTorch's counter does not know."""
    return int(2 * a[0] * a[1] * b[1])


def counter() -> FlopCounterMode:
    """Counts the operations of products, those in place as well."""
    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: _in_place})


def product_speed() -> float:
    """Floating-point operations a second of one product of large float32 matrices; the best of a few."""
    a, b = torch.randn(_SIZE, _SIZE), torch.randn(_SIZE, _SIZE)
    a @ b
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        a @ b
        taken.append(time.perf_counter() - began)
    return 2 * _SIZE**3 / min(taken)


def _epoch(model: str, folder: Path, batches: int) -> tuple[float, float]:
    """Seconds and operations of an epoch, extrapolated from some batches."""
    job: dict[str, Any] = {"model": model, "variant": "as shipped", "data_path": str(folder)}
    trainer, loader = trainer_of(job)
    step, taken, operations = step_of(job, trainer), [], []
    for number, batch in zip(range(2 * batches), loader, strict=False):
        if number < batches:
            with counter() as counted:
                step(batch)
            operations.append(counted.get_total_flops())
            continue
        began = time.perf_counter()
        step(batch)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * len(loader), statistics.fmean(operations) * len(loader)


def main(arguments: list[str] | None = None) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bound", description=__doc__)
    parser.add_argument("--models", nargs="+", default=["GRU4Rec", "SASRec", "Caser"])
    parser.add_argument("--batches", type=int, default=8)
    options = parser.parse_args(arguments)
    speed = product_speed()
    print(f"threads: {torch.get_num_threads()}, products at {speed / 1e9:.0f} GFLOP/s\n")
    print("| model | s an epoch | GFLOP of products | s of products at that speed | distance |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        prepare("ml-100k", out=Path(folder), download=False)
        for model in options.models:
            seconds, operations = _epoch(model, Path(folder), options.batches)
            bound = operations / speed
            print(
                f"| {model} | {seconds:.2f} | {operations / 1e9:.0f} | {bound:.2f} | {seconds / bound:.1f} × |",
                flush=True,
            )


if __name__ == "__main__":
    main()
