"""Slow or unmasked versions of what the evaluator computes, for tests alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch

from recbole_ext.evaluator.ranking import ranks_within, top_k

__all__ = ["accuracy_of_list", "accuracy_over_orders", "places", "random_coverage"]


def places(
    scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Best place and size of the tie of each target among all candidates: a list of the whole catalogue."""
    return ranks_within(scores, top_k(scores, scores.shape[1] - 1)[1], rows, items)


def accuracy_of_list(ranking: Sequence[int], held_out: set[int], k: int) -> dict[str, float]:
    """Every accuracy metric of one ordered list, place by place, as the definitions are written."""
    hits = [item in held_out for item in ranking[:k]]
    found = sum(hits)
    precisions = [sum(hits[: place + 1]) / (place + 1) for place in range(len(hits)) if hits[place]]
    gains = [1 / math.log2(place + 2) for place in range(k)]
    return {
        "recall": found / len(held_out),
        "precision": found / k,
        "hit": float(found > 0),
        "mrr": 1 / (hits.index(True) + 1) if found else 0.0,
        "ndcg": sum(gain for gain, hit in zip(gains, hits, strict=False) if hit)
        / sum(gains[: min(k, len(held_out))]),
        "map": sum(precisions) / min(len(held_out), k),
    }


def accuracy_over_orders(scores: Sequence[float], held_out: set[int], k: int) -> dict[str, float]:
    """Mean of each metric over every order of the candidates in which no lower score stands before a higher one.

    Args:
        scores: One for each item, item 0 and those at -inf being no candidates.
        held_out: Items of the user.
        k: Length of the list.
    """
    candidates = [item for item in range(1, len(scores)) if scores[item] > -math.inf]
    levels = sorted({scores[item] for item in candidates}, reverse=True)
    groups = [[item for item in candidates if scores[item] == level] for level in levels]
    orders = itertools.product(*(list(itertools.permutations(group)) for group in groups))
    values = [accuracy_of_list(list(itertools.chain(*order)), held_out, k) for order in orders]
    return {name: math.fsum(value[name] for value in values) / len(values) for name in values[0]}


def random_coverage(n_users: int, k: int, n_reachable: int) -> float:
    """1 - (1 - K / |I|)^U: expected share of the catalogue that U random lists of K show without masking."""
    return 1.0 - (1.0 - min(k / n_reachable, 1.0)) ** n_users if n_reachable > 0 else 0.0
