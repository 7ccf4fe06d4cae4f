"""How near lists made one at a time come to the joint optimum: ``python -m benchmarks.online_fairness RUN ...``.

The test users of a finished run come one by one in random orders. Prices are those of the joint problem over the same
lists (``test``) or over the validation lists (``validation``), which a server would have. ``coming back`` draws as many
users with replacement, heavy users more often.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.config.blocks import ExposureSettings
from recbole_ext.rerank.apply import Rerankable, rerankable
from recbole_ext.rerank.exposure.online import OnlineExposure, PriceList, user_gains
from recbole_ext.rerank.prices import joint_prices
from recbole_ext.trainer.opened import open_model

__all__ = ["main"]


class _Test:
    """The test users of a run, and figures of lists made for them."""

    def __init__(self, folder: Path, floors: ExposureSettings) -> None:
        run = open_model(folder, report=lambda _: None)
        self.n_items = run.data.dataset.item_num
        self.joint: Rerankable = rerankable(run, run.data.test)
        validation = rerankable(run, run.data.validation)
        self.prices = {
            "test": joint_prices(self.joint, floors),
            "validation": joint_prices(validation, floors),
        }
        self.result = self.joint.solver.solve(floors.coverage, floors.tail_share)
        rows: list[np.ndarray] = []

        def visit(_: slice, __: Any, scores: Any, ___: Any) -> None:
            rows.extend(user_gains(row) for row in scores.double().cpu().numpy())

        run.lists(run.data.test, self.joint.k, visit=visit)
        self.gains = rows
        self.weights = np.diff(run.data.test.evidence.profiles[0]) + 1.0

    def figures(self, users: np.ndarray, lists: np.ndarray) -> list[float]:
        """Coverage, tail share, value a list and NDCG of lists ``(n, k)`` of rows of users."""
        indptr, held_out = self.joint.loader.evidence.held_out or (np.zeros(1), np.zeros(0))
        discount = 1.0 / np.log2(np.arange(self.joint.k) + 2.0)
        value = np.mean([self.gains[u][row] @ discount for u, row in zip(users, lists, strict=True)])
        hits = lists == held_out[indptr[users]][:, None]
        tail = self.prices["test"].tail
        return [
            len(np.unique(lists)) / (self.n_items - 1),
            float(tail[lists].mean()),
            float(value),
            float((hits @ discount).mean()),
        ]

    def served(self, prices: PriceList, users: np.ndarray, periods: float, adapt: bool) -> list[float]:
        """Figures of users in an order."""
        online = OnlineExposure(prices, half_life=periods * prices.n_lists, adapt=adapt)
        return self.figures(users, np.stack([online.serve(self.gains[user]) for user in users]))


def _row(name: str, found: Sequence[Sequence[float]]) -> str:
    mean, spread = np.mean(found, axis=0), np.ptp(found, axis=0) / 2
    cells = (
        f"{m:.4f} ± {s:.4f}" if len(found) > 1 else f"{m:.4f}" for m, s in zip(mean, spread, strict=True)
    )
    return f"| {name} | {' | '.join(cells)} |"


def _table(test: _Test, orders: int) -> None:
    every = np.arange(len(test.gains))
    print("| lists | coverage | tail share | value of a list | NDCG |\n| --- | ---: | ---: | ---: | ---: |")
    print(_row("the model's own", [test.figures(every, test.joint.candidates.items[:, : test.joint.k])]))
    print(_row("joint optimum", [test.figures(every, test.result.items)]))
    generators = [np.random.default_rng(seed) for seed in range(orders)]
    random = [generator.permutation(len(every)) for generator in generators]
    chance = test.weights / test.weights.sum()
    back = [generator.choice(len(every), len(every), p=chance) for generator in generators]
    known, fair = test.prices["validation"], test.prices["test"]
    flat = np.r_[0.0, np.full(test.n_items - 1, fair.unit)]
    cold = replace(fair, item=flat, tail_price=0.0, shown=np.zeros(test.n_items, dtype=np.int64))
    for name, prices, periods, adapt, users in (
        ("fixed prices, test", fair, np.inf, False, random),
        ("fixed prices, validation", known, np.inf, False, random),
        ("adaptive, test", fair, np.inf, True, random),
        ("adaptive, validation", known, np.inf, True, random),
        ("adaptive, validation, half-life 4 periods", known, 4.0, True, random),
        ("adaptive, validation, half-life 1/4 period", known, 0.25, True, random),
        ("adaptive, one flat price", cold, np.inf, True, random),
        ("adaptive, validation, coming back", known, np.inf, True, back),
    ):
        print(_row(name, [test.served(prices, order, periods, adapt) for order in users]), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.online_fairness", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--coverage", type=float, default=0.82)
    parser.add_argument("--tail-share", type=float, default=0.0)
    parser.add_argument("--orders", type=int, default=5)
    o = parser.parse_args(arguments)
    floors = ExposureSettings(method="exposure", coverage=o.coverage, tail_share=o.tail_share)
    for run in o.runs:
        print(
            f"\n{run.name}: coverage >= {o.coverage:g}, tail share >= {o.tail_share:g}, {o.orders} orders\n"
        )
        _table(_Test(run, floors), o.orders)


if __name__ == "__main__":
    main()
