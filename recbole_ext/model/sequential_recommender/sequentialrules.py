"""Item-to-item rules counted in sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext.model.kernels.sequence_pairs import distance_weight, sequence_pairs
from recbole_ext.model.kernels.sparse_product import dense_product
from recbole_ext.model.losses.popularity import train_counts
from recbole_ext.model.sequential_recommender.counted import SECONDS_A_DAY, Counted, Windows

__all__ = ["SequentialRules"]


class SequentialRules(Counted):
    """Sequential rules (Ludewig and Jannach, UMUAI 2018) with normalised popularity and a weighted history.

    - W(i, j) = Σ f(t - s) over training users and their places s < t ≤ s + ``window``, with i at s and j at t; f is
      ``distance_weight``, f(1) = 1. Unless ``directed``, W + Wᵀ replaces W. The diagonal is 0.
    - R(i, j) = W(i, j) / (φ(i)^a φ(j)^b) with φ the number of training interactions, a = ``source_popularity``, b =
      ``target_popularity``; each row keeps its ``k`` largest values.
    - score(j | h) = Σ_p w(p) R(h_p, j) over the places p of the history, w(p) = exp(-``history_decay`` · age of p).
      With ``history_decay_by: place`` the age is the number of items that follow; with ``time`` it is in days before
      the history's last item.

    The rules of the paper are ``directed``, with a history of one item, f ``inverse`` and a = b = 0.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.history_decay, self.by_time = (
            float(config["history_decay"]),
            config["history_decay_by"] == "time",
        )
        window = int(config["window"])
        users, items, _ = self.sequences(dataset)
        popularity = np.maximum(train_counts(dataset).astype(np.float64), 1)
        self.rules = sequence_pairs(
            users,
            items,
            self.n_items,
            distance_weight(
                config["distance_weight"], np.arange(1, window + 1), window, float(config["distance_decay"])
            ),
            directed=bool(config["directed"]),
            source_scale=popularity ** -float(config["source_popularity"]),
            target_scale=popularity ** -float(config["target_popularity"]),
            k=int(config["k"]),
        )

    def _weights(self, histories: Windows) -> np.ndarray:
        """``(n,) float64`` w of each place."""
        ages = histories.ages
        if self.by_time:
            ages = (histories.last_times()[histories.rows] - histories.timed()) / SECONDS_A_DAY
        return np.exp(-self.history_decay * ages)

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores."""
        return dense_product(histories.matrix(self._weights(histories), self.n_items), self.rules)

    def parts(self, interaction: Any, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes what each place of the first history adds to the scores of some items.

        Args:
            interaction: A batch; its first row is read.
            items: ``(R,) int64``.

        Returns:
            ``(H,) int64`` items of the history and ``(H, R) float64`` their parts, which sum to the scores.
        """
        histories = self.histories(interaction[torch.arange(1)])
        rules = self.rules[histories.items][:, items].toarray().astype(np.float64)
        return histories.items, rules * self._weights(histories)[:, None]
