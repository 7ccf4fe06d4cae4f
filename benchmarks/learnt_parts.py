"""What learnt rules have learnt, and what each part is worth: ``python -m benchmarks.learnt_parts RUN``.

The first table holds the learnt numbers. In the second one, a part of a finished LearntRules run is put back to a plain
value while the other numbers stay as they are, and both phases are ranked again. Nothing is trained again, so that a
row says how much the finished model uses the part, not how well a model without it could do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_ext.evaluator.confidence import paired_difference
from recbole_ext.trainer.opened import OpenedRun, open_model

__all__ = ["PARTS", "main"]


def _backwards(model: Any) -> None:
    model.distance[len(model.distance) // 2 :] = -30 / model.rate


def _flat_distance(model: Any) -> None:
    half = len(model.distance) // 2
    for part in (model.distance[:half], model.distance[half:]):
        part[:] = part.mean()


def _power(place: int, value: float) -> Callable[[Any], None]:
    def put(model: Any) -> None:
        model.powers[place] = value / model.rate

    return put


PARTS: dict[str, Callable[[Any], None]] = {
    "as learnt": lambda model: None,
    "no pairs backwards": _backwards,
    "distance: all bins alike": _flat_distance,
    "lag: all bins alike": lambda model: model.lag.zero_(),
    "time since: all bins alike": lambda model: model.since.zero_(),
    "source popularity: power 0": _power(0, 0.0),
    "target popularity: power 0": _power(1, 0.0),
    "no popularity bias": _power(3, -30.0),
}
"""What is put back, by the words of its row."""


def curves(model: Any) -> list[tuple[str, list[float]]]:
    """The learnt weights by bin, and the five single numbers."""
    half = len(model.distance) // 2
    tables = (
        ("distance, forwards", model.distance[:half]),
        ("distance, backwards", model.distance[half:]),
        ("lag", model.lag),
        ("time since", model.since),
    )
    with torch.no_grad():
        found = [(name, (model.rate * table).exp().tolist()) for name, table in tables]
        return [*found, ("α, β, τ, prior, γ", (model.rate * model.powers).tolist())]


def _ranked(run: OpenedRun, phase: str) -> tuple[np.ndarray, float]:
    """``(U,)`` NDCG@10 and the coverage at 10."""
    found = run.trainer.rank(getattr(run.data, phase), ["NDCG", "ItemCoverage"])
    return np.asarray(found.per_user["ndcg@10"]), float(found.means["itemcoverage@10"])


def main(arguments: list[str] | None = None) -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learnt_parts", description=__doc__)
    parser.add_argument("run", type=Path)
    run = open_model(parser.parse_args(arguments).run)
    model: Any = run.trainer.model
    for name, values in curves(model):
        print(f"| {name} |", " ".join(f"{value:.3f}" for value in values), "|")
    learnt = {name: value.detach().clone() for name, value in model.named_parameters()}
    base: dict[str, np.ndarray] = {}
    print("| part | validation NDCG@10 | test NDCG@10 | less as learnt, test [95 %] | coverage, test |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for words, put in PARTS.items():
        with torch.no_grad():
            put(model)
            (validation, _), (test, coverage) = _ranked(run, "validation"), _ranked(run, "test")
            for name, value in model.named_parameters():
                value.copy_(learnt[name])
        base.setdefault("test", test)
        found = paired_difference(test, base["test"])
        print(
            f"| {words} | {validation.mean():.4f} | {test.mean():.4f} | "
            f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] | {coverage:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
