"""Sequential rules whose weights are learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext.model.sequential_recommender.binned_rules import BinnedRules
from recbole_ext.model.sequential_recommender.counted import Windows

__all__ = ["LearntRules"]


class LearntRules(BinnedRules):
    """Sequential rules (Ludewig and Jannach, UMUAI 2018) whose hand-set numbers are learnt.

    The score is that of :class:`BinnedRules`: a sum over the items of the history and an amount of the item's own, so
    that its reasons are exact. Its 43 numbers are learnt by soft-max over all items at every position. It is no neural
    network but a classic that knows the order: a score is linear in looked-up counts, as in SequentialRules, with no
    layer in between; as in FPMC, a gradient only sets the numbers. It is not deterministic, since the batches are
    drawn.
    """

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean soft-max cross-entropy over all candidates, at every position with a target."""
        scores, refused, target = self.window_scores(interaction)
        return self.softmax_loss(interaction, scores, None, refused, target)

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items) float32`` scores."""
        return self.rule_scores(histories)

    def parts(self, interaction: Any, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes what each place of the first history adds to the scores of some items.

        Args:
            interaction: A batch; its first row is read.
            items: ``(R,) int64``.

        Returns:
            ``(H,) int64`` items of the history and ``(H, R) float64`` their parts, which sum to the scores less
            :meth:`offset`.
        """
        histories = self.histories(interaction[torch.arange(1)])
        rules = self.rules()[histories.items][:, items].toarray().astype(np.float64)
        return histories.items, rules * self._weights(histories)[:, None]

    def offset(self, items: np.ndarray) -> np.ndarray:
        """Returns the ``(R,) float64`` part of the scores of some items ``(R,)`` that comes from no history item."""
        return self.bias().double().numpy()[items]
