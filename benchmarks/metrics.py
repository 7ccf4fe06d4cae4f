"""What the metrics cost, measured against what scoring costs.

``python -m benchmarks.metrics``: a matrix factorisation of random weights scores all users in batches and keeps the
lists; then every metric of the default configuration is computed from the lists at one K.
"""

from __future__ import annotations

import argparse
import time
from importlib.resources import files

import numpy as np
import torch
import yaml

from benchmarks import synthetic
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.metrics.accuracy import accuracy_per_user
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence, measure
from recbole_ext.evaluator.ranking import mask_scores_, ranks_within, top_k
from recbole_ext.evaluator.register import is_accuracy

BATCH_BYTES = 64 * 2**20
GENRES = 19


def scored(
    n_users: int, n_items: int, k: int, size: int, targets: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds, lists ``(U, K)`` and ranks ``(U,)`` of one held-out item a user."""
    torch.manual_seed(0)
    users, items = torch.randn(n_users, size), torch.randn(n_items, size)
    step = max(1, BATCH_BYTES // (4 * n_items))
    lists, ranks = [], []
    began = time.perf_counter()
    for start in range(0, n_users, step):
        scores = mask_scores_(users[start : start + step] @ items.T)
        best, values = top_k(scores, k)
        own = torch.from_numpy(targets[start : start + step])
        ranks.append(ranks_within(scores, values, torch.arange(len(own)), own))
        lists.append(best)
    seconds = time.perf_counter() - began
    return seconds, torch.cat(lists).numpy(), torch.cat(ranks).numpy()


def evidence(n_users: int, n_items: int, lists: np.ndarray, targets: np.ndarray, per_user: int) -> Evidence:
    """Profiles of a long-tailed set, one held-out item for each user, and genres."""
    users, items = synthetic.interactions(min(n_users, 2_000), n_items - 1, min(n_users, 2_000) * per_user)
    times = -(-n_users // 2_000)  # the same users again: drawing them takes longer than the benchmark
    length = np.tile(np.bincount(users), times)[:n_users]
    profiles = np.tile(items + 1, times)[: length.sum()]
    counts = np.bincount(profiles, minlength=n_items)
    features = (np.random.default_rng(1).random((n_items, GENRES)) < 0.12).astype(float)
    features[0] = 0
    return Evidence(
        items=lists,
        counts=counts,
        groups=popularity_groups(counts),
        n_users=n_users,
        profiles=(np.concatenate([[0], np.cumsum(length)]), profiles),
        held_out=(np.arange(n_users + 1), targets),
        features=features,
    )


def main() -> None:
    """Prints seconds and shares of the scoring time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=30_000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--embedding-size", type=int, default=64)
    parser.add_argument("--profile", type=int, default=100, help="interactions a user")
    given = parser.parse_args()
    names = yaml.safe_load((files("recbole_ext") / "properties" / "overall.yaml").read_text())["metrics"]
    targets = np.random.default_rng(0).integers(1, given.items, given.users)
    scoring, lists, ranks = scored(given.users, given.items, given.k, given.embedding_size, targets)
    whole = evidence(given.users, given.items, lists, targets, given.profile)
    print(f"{given.users} users, {given.items} items, K {given.k}, {torch.get_num_threads()} threads\n")
    print(f"| what | s | of scoring |\n|---|---:|---:|\n| scoring and top-K | {scoring:.3f} | 100 % |")
    total = 0.0
    for name in names:
        began = time.perf_counter()
        if is_accuracy(name):
            accuracy_per_user(ranks, np.arange(given.users), given.users, [given.k], [name])
        else:
            measure(name, whole)
        seconds = time.perf_counter() - began
        total += seconds
        print(f"| {name} | {seconds:.3f} | {seconds / scoring:.2%} |")
    print(f"| all {len(names)} metrics | {total:.3f} | {total / scoring:.2%} |")


if __name__ == "__main__":
    main()
