"""Training at every position of a window, for sequential models that offer ``encode``."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext.model.loss import full_softmax

__all__ = ["AllPositions"]


class AllPositions:
    """Mixed in before a RecBole model; a batch with ``target_seq`` is answered at all positions in one pass.

    The model offers ``encode(item_seq, item_seq_len, user) -> (B, L, d)``, whose position t is its ``forward`` on
    the first t + 1 items, and ``item_embeddings() -> (n_items, d)``.
    """

    ITEM_SEQ: str
    ITEM_SEQ_LEN: str
    USER_ID: str

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Representation after each item, ``(B, L, d)``; positions behind ``item_seq_len`` mean nothing."""
        raise NotImplementedError

    def item_embeddings(self) -> torch.Tensor:
        """``(n_items, d)`` weights that score the representation."""
        return self.item_embedding.weight  # type: ignore[attr-defined]

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Mean cross-entropy over the positions that have a target; RecBole's loss for a batch of prefixes."""
        if "target_seq" not in interaction:
            return super().calculate_loss(interaction)  # type: ignore[misc]
        target = interaction["target_seq"]  # (B, L)
        output = self.encode(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )
        asked = target > 0
        return full_softmax(output[asked], self.item_embeddings(), target[asked]) + self.regularisation()

    def regularisation(self) -> torch.Tensor | float:
        """What the model adds to its loss, apart from the cross-entropy."""
        return 0.0
