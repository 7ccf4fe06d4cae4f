"""Scores of sequential models whose representation of a history meets a vector of each item."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from recbole_ext._compat.host import BPRLoss
from recbole_ext.errors import ConfigError
from recbole_ext.model.all_positions import AllPositions

__all__ = ["InnerProduct"]


class InnerProduct(AllPositions):
    """Mixin for models that score by inner products; list it before the RecBole class.

    The model implements ``encode``, ``forward(item_seq, item_seq_len) -> (B, d)`` for the last item and, where these
    are not the vectors that items are read as, :meth:`item_embeddings`. :meth:`own_outputs` makes such vectors.
    """

    POS_ITEM_ID: str
    NEG_ITEM_ID: str
    ITEM_ID: str
    loss_type: str
    output_embedding: nn.Embedding | None  # a value of the class would hide the module of this name

    def own_outputs(self, config: Any, size: int) -> None:
        """Makes ``output_embedding (n_items, size)`` if the key of that name is ``separate``, not ``tied``.

        Called once the other modules are there, so that the weights of a tied model are drawn as without the key.

        Args:
            config: The merged configuration.
            size: Size of the vectors.
        """
        self.output_embedding = None
        if config["output_embedding"] == "separate":
            self.output_embedding = nn.Embedding(self.n_items, size, padding_idx=0)  # type: ignore[attr-defined]
            self._init_weights(self.output_embedding)  # type: ignore[attr-defined]

    def item_embeddings(self) -> torch.Tensor:
        """Returns the ``(n_items, d)`` weights that score a representation."""
        own = getattr(self, "output_embedding", None)
        return super().item_embeddings() if own is None else own.weight

    def represented(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, d)``, the representation of each history."""
        return cast("torch.Tensor", self.forward(interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]))  # type: ignore[attr-defined]

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns the loss at all positions if the batch has targets for them, else RecBole's CE or BPR loss."""
        if "target_seq" in interaction:
            return super().calculate_loss(interaction)
        if not self.sequence_loss.is_default:
            raise ConfigError(
                "sequence_loss and ips_power only work with targets at all positions: set sequence_training: "
                "all_positions and loss_type: CE, or leave both keys out"
            )
        state, items = self.represented(interaction), self.item_embeddings()
        wanted = interaction[self.POS_ITEM_ID]
        if self.loss_type == "CE":
            return nn.functional.cross_entropy(state @ items.T, wanted)
        liked, other = (
            nn.functional.embedding(ids, items) for ids in (wanted, interaction[self.NEG_ITEM_ID])
        )
        return cast("torch.Tensor", BPRLoss()((state * liked).sum(dim=1), (state * other).sum(dim=1)))

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of one item per history."""
        return (self.represented(interaction) * self.item_embeddings()[interaction[self.ITEM_ID]]).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        return self.represented(interaction) @ self.item_embeddings().T
