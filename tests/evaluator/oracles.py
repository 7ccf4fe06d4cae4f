"""Slow or unmasked versions of what the evaluator computes, for tests alone."""

from __future__ import annotations

import torch

from recbole_ext.evaluator.ranking import ranks_within, top_k

__all__ = ["expected_ranks", "random_coverage"]


def expected_ranks(scores: torch.Tensor, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Ranks among all candidates: those within a list of the whole catalogue."""
    return ranks_within(scores, top_k(scores, scores.shape[1] - 1)[1], rows, items)


def random_coverage(n_users: int, k: int, n_reachable: int) -> float:
    """1 - (1 - K / |I|)^U: expected share of the catalogue that U random lists of K show without masking."""
    return 1.0 - (1.0 - min(k / n_reachable, 1.0)) ** n_users if n_reachable > 0 else 0.0
