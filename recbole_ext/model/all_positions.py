"""Loss at every position of a window, for sequential models that implement ``encode``."""

from __future__ import annotations

from typing import Any

import torch

from recbole_ext.errors import ConfigError
from recbole_ext.model.losses.sequence_loss import SequenceLoss

__all__ = ["AllPositions", "SequenceLoss"]


class AllPositions:
    """Mixin for RecBole models: a batch with ``target_seq`` is scored at all positions in one pass.

    List it before the RecBole class. The model implements ``encode(item_seq, item_seq_len, user) -> (B, L, d)``, whose
    position t equals its ``forward`` on the first t + 1 items, and ``item_embeddings() -> (n_items, d)``. The key
    ``sequence_loss`` selects the loss.
    """

    ITEM_SEQ: str
    ITEM_SEQ_LEN: str
    USER_ID: str
    sequence_loss: SequenceLoss

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if args:
            self.sequence_loss = SequenceLoss(*args)

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns the representation after each item, ``(B, L, d)``; positions past ``item_seq_len`` are undefined."""
        raise NotImplementedError

    def states_of(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, L, d)``: :meth:`encode` of a batch of windows."""
        return self.encode(
            interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN], interaction[self.USER_ID]
        )

    def item_embeddings(self) -> torch.Tensor:
        """Returns the ``(n_items, d)`` weights that score a representation."""
        return self.item_embedding.weight  # type: ignore[attr-defined]

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the mean loss over positions with a target, or RecBole's loss for a batch of prefixes."""
        if "target_seq" not in interaction:
            if not self.sequence_loss.is_default:
                raise ConfigError(
                    "sequence_loss, label_smoothing and ips_power only work with targets at all positions: set "
                    "sequence_training: all_positions and loss_type: CE, or leave both keys out"
                )
            return super().calculate_loss(interaction)  # type: ignore[misc]
        target = interaction["target_seq"]  # (B, L)
        output = self.states_of(interaction)
        asked = target > 0
        return (
            self.sequence_loss(output[asked], self.item_embeddings(), target[asked]) + self.regularisation()
        )

    def regularisation(self) -> torch.Tensor | float:
        """Returns the terms that the model adds to ``sequence_loss``, such as a penalty on its weights."""
        return 0.0
