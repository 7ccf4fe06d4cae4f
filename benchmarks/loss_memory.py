"""Peak memory of a loss and its gradients: ``python -m benchmarks.loss_memory``.

The default is a batch of 128 windows of 200 positions and 85,000 items; the logits alone would take 8.1 GiB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.memory import peak_gib, restart_peak
from recbole_ext.model.all_positions import SequenceLoss

LOSSES = ("full_softmax", "sampled_softmax", "gbce", "bpr", "sampled_softmax, own negatives")
LIMIT_GIB = 2.0


@dataclass(frozen=True)
class Peak:
    """Memory and time of one loss, forwards and backwards.

    Attributes:
        loss: Its name, as ``sequence_loss`` takes it.
        before_gib: Resident memory of the process before, with the inputs; GiB.
        peak_gib: Peak resident memory of the process after; GiB.
        seconds: Wall-clock time.
    """

    loss: str
    before_gib: float
    peak_gib: float
    seconds: float


def run(loss: str, positions: int, items: int, size: int, negatives: int) -> Peak:
    """One forward and backward pass in this process; its peak is only its own in a process of its own."""
    config: dict[str, Any] = defaultdict(
        lambda: None,
        sequence_loss=loss.partition(",")[0],
        loss_negatives=negatives,
        loss_negatives_shared="own" not in loss,
        gbce_t=0.75,
        softmax_precision="auto",
    )
    dataset = SimpleNamespace(
        item_num=items + 1, iid_field="item_id", inter_feat={"item_id": torch.arange(1, items + 1)}
    )
    module = SequenceLoss(config, dataset)
    torch.manual_seed(0)
    output = (0.1 * torch.randn(positions, size)).requires_grad_()
    weight = (0.1 * torch.randn(items + 1, size)).requires_grad_()
    targets = torch.randint(1, items + 1, (positions,))
    before, start = restart_peak(), time.perf_counter()
    module(output, weight, targets).backward()
    return Peak(loss, before, peak_gib(), time.perf_counter() - start)


def measure(
    loss: str,
    *,
    positions: int = 128 * 200,
    items: int = 85_000,
    embedding_size: int = 64,
    negatives: int = 256,
) -> Peak:
    """One forward and backward pass in a process of its own.

    Args:
        loss: One of ``LOSSES``.
        positions: Targets in the batch.
        items: Items of the catalogue.
        embedding_size: Components of a representation.
        negatives: Draws for each batch, for the losses that draw.
    """
    numbers = [str(number) for number in (positions, items, embedding_size, negatives)]
    command = [sys.executable, "-m", "benchmarks.loss_memory", "--one", loss, *numbers]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Prints a row for each loss; 1 if one of them needs more than the limit."""
    parser = argparse.ArgumentParser(description="Peak memory of each loss, in a process of its own.")
    parser.add_argument("--positions", type=int, default=128 * 200)
    parser.add_argument("--items", type=int, default=85_000)
    parser.add_argument("--embedding-size", type=int, default=64)
    parser.add_argument("--negatives", type=int, default=256)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, *numbers = options.one
        print(json.dumps(vars(run(name, *map(int, numbers)))))
        return 0
    keys = {key: value for key, value in vars(options).items() if key != "one"}
    print(f"{options.positions:,} positions, {options.items:,} items, embeddings of {options.embedding_size}")
    print(f"{'loss':<31} {'before':>9} {'peak':>9} {'time':>8}")
    worst = 0.0
    for name in LOSSES:
        peak = measure(name, **keys)
        worst = max(worst, peak.peak_gib)
        print(
            f"{name:<31} {peak.before_gib:>5.2f} GiB {peak.peak_gib:>5.2f} GiB {peak.seconds:>6.1f} s",
            flush=True,
        )
    return int(worst > LIMIT_GIB)


if __name__ == "__main__":
    sys.exit(main())
