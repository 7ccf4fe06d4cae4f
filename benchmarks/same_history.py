"""What sequential models owe to one more item: ``python -m benchmarks.same_history RUN... --against=RUN``.

At the test a sequential model reads a history that ends right before the held-out item, the validation item included,
while a general model knows what it was trained on. Here the test is ranked twice: with that history, and with one that
ends where training ended, so that both families know the same. Candidates and mask are the same each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.data.dataloader import EvaluationLoader
from recbole_ext.data.interactions import TEST, TRAIN
from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.trainer.opened import OpenedRun, open_model

__all__ = ["TrainingHistory", "main"]


class TrainingHistory(EvaluationLoader):
    """The test, with histories that end where training ended."""

    def _interaction(self, users: np.ndarray) -> Any:
        before_test = self.read_stop
        self.read_stop = self.split.before(TRAIN + 1)[1]
        try:
            return super()._interaction(users)
        finally:
            self.read_stop = before_test


def _ndcg(run: OpenedRun, kind: type[EvaluationLoader]) -> np.ndarray:
    loader = kind(run.config, run.data.dataset, run.data.split, TEST)
    return np.asarray(run.trainer.rank(loader, ["NDCG"]).per_user["ndcg@10"])


def main(arguments: list[str] | None = None) -> None:
    """Prints a row for each run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_history", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--against", type=Path, required=True, help="run of a general model")
    options = parser.parse_args(arguments)
    base = _ndcg(open_model(options.against), EvaluationLoader)
    print("| run | NDCG@10 | with the training history | less the other run [95 %], p |")
    print("| --- | ---: | ---: | ---: |")
    for folder in options.runs:
        run = open_model(folder)
        own, short = _ndcg(run, EvaluationLoader), _ndcg(run, TrainingHistory)
        found = paired_difference(short, base)
        print(
            f"| {folder.name} | {own.mean():.4f} | {short.mean():.4f} | "
            f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}], {found.p_value:.2g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
