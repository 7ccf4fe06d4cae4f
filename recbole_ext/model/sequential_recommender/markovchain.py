"""A first-order Markov chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext.model.kernels.sequence_pairs import sequence_pairs
from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.counted import Counted, Windows

__all__ = ["MarkovChain"]


class MarkovChain(Counted):
    """Transitions from the last item, with back-off to popularity for unseen transitions.

    With c(i, j) the number of times that j came right after i in training, c(i) = Σ_j c(i, j), φ(j) the training
    interactions of j and N their sum, score(j | ..., i) = c(i, j) / c(i) if c(i, j) > 0, else ``backoff`` · φ(j) / N:
    the maximum-likelihood chain (Rendle et al., WWW 2010) with stupid back-off (Brants et al., EMNLP 2007).
    Immediate repeats of an item are not transitions.
    """

    reads_times = False

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        users, items, _ = self.sequences(dataset)
        # Whole numbers in float32 are exact up to 16 million.
        self.transitions = sequence_pairs(users, items, self.n_items, np.ones(1))
        total = np.asarray(self.transitions.sum(axis=1, dtype=np.float64)).ravel()
        self.transitions.data /= np.repeat(total, np.diff(self.transitions.indptr)).astype(np.float32)
        popularity = train_counts(dataset).astype(np.float64)
        self.fallback = (float(config["backoff"]) * popularity / popularity.sum()).astype(np.float32)

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores."""
        last = np.zeros(len(histories.lengths), dtype=np.int64)
        recent = histories.ages == 0
        last[histories.rows[recent]] = histories.items[recent]
        scores = np.tile(self.fallback, (len(last), 1))
        seen = self.transitions[last].tocoo()
        scores[seen.row, seen.col] = seen.data
        return torch.from_numpy(scores)
