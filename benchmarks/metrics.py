"""What metrics and re-rankers cost beside the scoring that they follow: ``python -m benchmarks.metrics``.

A matrix factorisation of embedding size 64 scores a catalogue in batches, masks nothing, and keeps the best K and N.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from recbole_ext.evaluator.groups import popularity_groups, popularity_thirds
from recbole_ext.evaluator.metrics.accuracy import METRICS, accuracy_per_user
from recbole_ext.evaluator.metrics.beyond_accuracy import BEYOND_ACCURACY, Evidence, measure
from recbole_ext.evaluator.ranking import top_k
from recbole_ext.rerank import Candidates, ItemInformation, SideInformation, UserHistories, make_reranker

__all__ = ["main"]

_RERANKERS: dict[str, dict[str, Any]] = {
    "popularity_penalty": {},
    "value_aware": {},
    "xquad": {},
    "calibrated": {},
    "mmr": {},
}


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def _best(
    users: torch.Tensor, items: torch.Tensor, n: int, batch: int
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Seconds of the products and of the selection, and the ``(U, n)`` best items and their scores."""
    kept_items, kept_scores, products, selection = [], [], 0.0, 0.0
    for first in range(0, len(users), batch):
        seconds, scores = _timed(lambda first=first: users[first : first + batch] @ items.T)
        products += seconds
        scores[:, 0] = -torch.inf
        seconds, best = _timed(lambda scores=scores: top_k(scores, n))
        selection += seconds
        kept_items.append(best[0].numpy())
        kept_scores.append(best[1].numpy())
    return products, selection, np.concatenate(kept_items), np.concatenate(kept_scores)


def _facts(rng: np.random.Generator, n_users: int, n_items: int, per_user: int) -> dict[str, Any]:
    """Popularity, histories, held-out items and genres of a made-up catalogue."""
    share = 1 / np.arange(1, n_items) ** 0.8
    history = rng.choice(np.arange(1, n_items), n_users * per_user, p=share / share.sum())
    counts = np.bincount(history, minlength=n_items)
    return {
        "counts": counts,
        "groups": popularity_groups(counts, "interactions_80"),
        "profiles": (np.arange(0, len(history) + 1, per_user), history),
        "held_out": (np.arange(n_users + 1), rng.integers(1, n_items, n_users)),
        "features": (rng.random((n_items, 20)) < 0.12).astype(np.float32),
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=30_000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--history", type=int, default=100, help="training interactions of a user")
    parser.add_argument("--batch", type=int, default=500, help="users scored at once")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    o = _options(arguments)
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    users, items = torch.randn(o.users, 64), torch.randn(o.items, 64)
    products, selection, lists, _ = _best(users, items, o.k, o.batch)
    scoring = products + selection
    print(f"{o.users:,} users x {o.items:,} items, {o.threads} threads\n")
    print("| what | s | share of scoring |\n| --- | ---: | ---: |")
    print(f"| scoring: products and the best {o.k} | {scoring:.2f} | 100 % |")
    facts = _facts(rng, o.users, o.items, o.history)
    evidence = Evidence(lists, n_users=o.users, mask_seen=True, **facts)
    ranks = rng.integers(1, o.items, o.users).astype(float)
    total, _ = _timed(lambda: accuracy_per_user(ranks, np.arange(o.users), o.users, [o.k], list(METRICS)))
    print(f"| {len(METRICS)} accuracy metrics | {total:.2f} | {total / scoring:.1%} |")
    for name in BEYOND_ACCURACY:
        seconds, _ = _timed(lambda name=name: measure(name, evidence))
        total += seconds
        print(f"| {name} | {seconds:.2f} | {seconds / scoring:.1%} |")
    print(f"| **all metrics** | **{total:.2f}** | **{total / scoring:.1%}** |")
    products, selection, lists, scores = _best(users, items, o.candidates, o.batch)
    print(f"| selecting the best {o.candidates} | {selection:.2f} | {selection / scoring:.1%} |")
    pool = Candidates(lists.astype(np.int64), scores.astype(np.float64))
    told = SideInformation(
        ItemInformation(
            popularity=facts["counts"],
            head=facts["groups"].head,
            groups=popularity_thirds(facts["counts"]).astype(np.int64),
            genres=facts["features"],
        ),
        UserHistories(*facts["profiles"]),
    )
    for name, keys in _RERANKERS.items():
        again = make_reranker(name, 0.1, **keys)
        seconds, _ = _timed(lambda again=again: again(pool, told, o.k))
        print(f"| {name}, {o.candidates} candidates | {seconds:.2f} | {seconds / scoring:.1%} |")


if __name__ == "__main__":
    main()
