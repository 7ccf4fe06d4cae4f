"""Nearest sessions weighted by place and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recbole_ext.model.sequential_recommender.counted import SECONDS_A_DAY, Windows
from recbole_ext.model.sequential_recommender.session_neighbours import Entries, Pairs, SessionNeighbours

__all__ = ["STAN"]


class STAN(SessionNeighbours):
    """Sequence and time aware neighbourhood (Garg et al., SIGIR 2019), with histories as sessions.

    - w1(i) = exp(-a(i) / ``place_scale``), a the number of items after i in the window s;
    - w2(n) = exp(-|t(s) - t(n)| / ``day_scale``), t the time of the last interaction, in days. The paper has only
      earlier sessions; here a history may also end later, and the distance in time counts in both directions;
    - similarity(s, n) = w2(n) Σ_{i ∈ s ∩ n} w1(i) / √(|s| |n|);
    - score(j) = Σ similarity(s, n) exp(-|p(j, n) - p(i*, n)| / ``neighbour_scale``) over the ``k`` most similar n that
      contain j, with p(j, n) the place of j in n, and i* the most recent item of s that n contains.

    A scale of null disables its weight.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.place_rate, self.day_rate, self.neighbour_rate = (
            0.0 if config[key] is None else 1 / float(config[key])
            for key in ("place_scale", "day_scale", "neighbour_scale")
        )

    def place_weights(self, histories: Windows) -> np.ndarray:
        """``(n,) float64`` w1."""
        return np.exp(-self.place_rate * histories.ages)

    def factor(self, histories: Windows) -> np.ndarray:
        """``(B, n_users)`` w2 / √(|s| |n|)."""
        size = np.sqrt(np.maximum(histories.lengths, 1))[:, None] * np.sqrt(
            np.maximum(self.sessions.lengths, 1)
        )
        if not self.day_rate:
            return 1 / size
        apart = np.abs(histories.last_times()[:, None] - self.sessions.last_times) / SECONDS_A_DAY
        # Above 0, so that a distant neighbour still counts if there is no nearer one.
        return np.maximum(np.exp(-self.day_rate * apart), 1e-200) / size

    def _near_match(self, histories: Windows, pairs: Pairs) -> Iterator[tuple[Entries, np.ndarray]]:
        """Entries, and ``(E,) float64`` similarity times the weight by the distance from i* in the neighbour."""
        by_distance = np.exp(-self.neighbour_rate * np.arange(int(self.sessions.lengths.max())))
        for entries in self.entries(histories, pairs):
            match = entries.places[entries.ages == entries.youngest[entries.owner]]  # one for each pair
            weights = by_distance[np.abs(entries.places - match[entries.owner])]
            yield entries, pairs.similarity[entries.pairs][entries.owner] * weights

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores."""
        if not self.neighbour_rate:
            return super().scores(histories)
        pairs = self.neighbours(histories)
        scores = np.zeros((len(histories.lengths), self.n_items))
        for entries, values in self._near_match(histories, pairs):
            rows = pairs.rows[entries.pairs]
            block = scores[rows[0] : rows[-1] + 1]
            key = ((rows - rows[0]) * self.n_items)[entries.owner] + entries.items
            block += np.bincount(key, values, minlength=block.size).reshape(block.shape)
        return torch.from_numpy(scores.astype(np.float32))

    def given(self, histories: Windows, pairs: Pairs) -> np.ndarray:
        """Returns what each neighbour adds to each score, ``(P, n_items) float64``."""
        given = np.zeros((len(pairs.users), self.n_items))
        for entries, values in self._near_match(histories, pairs):
            given[entries.pairs.start + entries.owner, entries.items] = values
        return given
