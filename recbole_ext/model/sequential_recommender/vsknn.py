"""Nearest sessions with weights that decay with the age of an item."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.model.kernels.sequence_pairs import distance_weight
from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.counted import Windows
from recbole_ext.model.sequential_recommender.session_neighbours import Pairs, SessionNeighbours

__all__ = ["VSKNN"]


class VSKNN(SessionNeighbours):
    """Vector multiplication session-based kNN (Ludewig and Jannach, UMUAI 2018), with histories as sessions.

    With the age a(i) of an item in the window s, 0 for the most recent one, and f(d) with f(1) = 1:

    - similarity(s, n) = Σ_{i ∈ s ∩ n} f(a(i) + 1) / |s|, f = ``place_weight``;
    - score(j) = (1 + λ idf(j)) Σ similarity(s, n) g(a* + 1) over the ``k`` most similar n that contain j, with a* the
      age of the most recent item of s that n contains, g = ``match_weight``, λ = ``idf_weight`` and idf(j) = ln(users /
      users that have j).

    ``linear`` falls to 1 / |s| at the oldest item of s; ``exponential`` falls by ``place_decay`` for each place.
    """

    reads_times = False

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.place_weight, self.match_weight = str(config["place_weight"]), str(config["match_weight"])
        self.place_decay = float(config["place_decay"])
        owners = np.diff(self.sessions.by_item.indptr)
        users = np.count_nonzero(self.sessions.lengths)
        idf = np.log(users / np.maximum(owners, 1))
        self.item_gain = np.where(train_counts(dataset) > 0, 1 + float(config["idf_weight"]) * idf, 0)

    def place_weights(self, histories: Windows) -> np.ndarray:
        """``(n,) float64`` f(a + 1)."""
        lengths = histories.lengths[histories.rows]
        return distance_weight(self.place_weight, histories.ages + 1, lengths, self.place_decay)

    def factor(self, histories: Windows) -> np.ndarray:
        """``(B, 1)`` 1 / |s|."""
        return 1 / np.maximum(histories.lengths, 1)[:, None]

    def pair_weights(self, histories: Windows, pairs: Pairs) -> np.ndarray:
        """``(P,) float64`` g(a* + 1)."""
        weights = np.ones(len(pairs.users))
        if self.match_weight != "flat":
            for entries in self.entries(histories, pairs):
                span = histories.lengths[pairs.rows[entries.pairs]]
                weights[entries.pairs] = distance_weight(
                    self.match_weight, entries.youngest + 1, span, self.place_decay
                )
        return weights
