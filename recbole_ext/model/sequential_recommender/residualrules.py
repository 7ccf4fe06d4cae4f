"""Learnt rules with a self-attentive network for what counting misses."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext.model.sequential_recommender.binned_rules import BinnedRules
from recbole_ext.model.sequential_recommender.sasrec import SASRec

__all__ = ["ResidualRules"]


class ResidualRules(BinnedRules, SASRec):
    """The logits of SASRec (Kang and McAuley 2018) on top of those of learnt rules, learnt together.

    logit(j | h) = τ log score(j | h) + SASRec(j | h), with the score of :class:`BinnedRules`, counted in training
    without the user who is asked. Embeddings start near 0, so that training begins at the rules and the network
    learns only what they miss. ``rules_rate`` times ``learning_rate`` is the learning rate of the rules' numbers: there
    are about fifty of them, and they need larger steps than the weights of a network.
    """

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean soft-max cross-entropy over all candidates, at every position with a target."""
        scores, refused, target = self.window_scores(interaction)
        states = self.encode(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )
        network = states[interaction["target_seq"] > 0] @ self.item_embeddings().T
        return self.softmax_loss(interaction, scores, network, refused, target)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        rules = self._power(2) * self.rule_scores(self.histories(interaction)).log().to(self.device)
        state = self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN])
        return rules + state @ self.item_embeddings().T
