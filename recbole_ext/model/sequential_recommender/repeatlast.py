"""The last items again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.counted import Counted, Windows

__all__ = ["RepeatLast"]


class RepeatLast(Counted):
    """A person's own items by recency, then all others by popularity: the floor where items are consumed again.

    score(j | h) = 1 + 1 / (1 + a(j)) for an item of the window, a(j) the number of items after its last occurrence;
    φ(j) / (1 + max φ) for all others, with φ the number of training interactions. It needs ``mask_seen: false``, since
    the mask would take its own items out. A strong floor where repeats are common (Reiter-Haas et al., RecSys 2021;
    Li et al., TOIS 2023).
    """

    reads_times = False

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        counts = train_counts(dataset)
        self.popularity = counts / (1.0 + counts.max())  # (n_items,) float64

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float64`` scores."""
        scores = np.tile(self.popularity, (len(histories.lengths), 1))
        np.maximum.at(scores, (histories.rows, histories.items), 1 + 1 / (1 + histories.ages))
        return torch.from_numpy(scores)
