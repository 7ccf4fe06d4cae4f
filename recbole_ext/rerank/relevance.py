"""How likely a candidate is relevant, on a scale that compares users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.rerank.exposure_candidates import (
    Candidate,
    candidate_entries,
    candidate_ranks,
    check_candidates,
)

__all__ = ["RelevanceModel", "fit_relevance"]


@dataclass(frozen=True)
class RelevanceModel:
    """Probability that a candidate is relevant, comparable between users: a logistic regression.

    Its inputs are the logarithm of the rank, the score and its logarithm, and the logarithms of the user's and the
    item's number of training interactions. A sum over users compares users, which raw scores do not allow (Platt,
    1999).

    Attributes:
        weights: ``(6,) float64``, the constant first, for inputs with mean 0 and deviation 1.
        mean: ``(6,) float64`` of the inputs at the fit.
        deviation: ``(6,) float64`` of the inputs at the fit.
        activity: ``(U,)`` training interactions of each user row.
        popularity: ``(n_items,)`` training interactions of each item.
    """

    weights: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    activity: np.ndarray
    popularity: np.ndarray

    def probability(
        self, users: np.ndarray, items: np.ndarray, scores: np.ndarray, rank: np.ndarray
    ) -> np.ndarray:
        """``(E,) float64`` for user rows, item ids, scores and 0-based ranks."""
        inputs = _inputs(users, items, scores, rank, self.activity, self.popularity)
        return _sigmoid(((inputs - self.mean) / self.deviation) @ self.weights)


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logit)))


def _inputs(
    users: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    rank: np.ndarray,
    activity: np.ndarray,
    popularity: np.ndarray,
) -> np.ndarray:
    parts = [
        np.ones(len(users)),
        np.log2(rank + 2.0),
        scores,
        np.log(np.maximum(scores, 1e-3)),
        np.log1p(np.asarray(activity, dtype=np.float64))[users],
        np.log1p(np.asarray(popularity, dtype=np.float64))[items],
    ]
    return np.column_stack(parts)


def fit_relevance(
    items: np.ndarray,
    scores: np.ndarray,
    target: np.ndarray,
    *,
    activity: np.ndarray,
    popularity: np.ndarray,
    extra: Candidate | None = None,
) -> RelevanceModel:
    """Fits the probability of relevance on validation targets, never on test.

    Args:
        items: ``(U, N) int64`` candidates of the validation phase, 0 where a user has no more.
        scores: ``(U, N) float`` their scores.
        target: ``(U,) int64`` the held-out validation item of each user.
        activity: ``(U,)`` training interactions of each user row.
        popularity: ``(n_items,)`` training interactions of each item.
        extra: Further candidates, the same as later in `exposure`.

    Raises:
        ConfigError: The input cannot be used, or no target is among the candidates.
    """
    items, scores = np.asarray(items), np.asarray(scores, dtype=np.float64)
    check_candidates(items, scores, np.zeros(len(popularity), dtype=bool), len(popularity), 1)
    users, item, score, _ = candidate_entries(items, scores, extra, len(popularity))
    hit = (np.asarray(target)[users] == item).astype(np.float64)
    if not 0 < hit.sum() < len(hit):
        raise ConfigError("no validation target is among the candidates: give more candidates a user")
    inputs = _inputs(users, item, score, candidate_ranks(users, len(items)), activity, popularity)
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    mean[0], deviation[deviation < 1e-12] = 0.0, 1.0
    x = (inputs - mean) / deviation
    weights = np.r_[np.log(hit.mean()), np.zeros(x.shape[1] - 1)]
    ridge = np.diag(np.r_[0.0, np.ones(x.shape[1] - 1)])
    for _ in range(25):
        p = _sigmoid(x @ weights)
        curvature = (x * (p * (1.0 - p) + 1e-12)[:, None]).T @ x + ridge
        weights = weights + np.linalg.solve(curvature, x.T @ (hit - p) - ridge @ weights)
    return RelevanceModel(weights, mean, deviation, np.asarray(activity), np.asarray(popularity))
