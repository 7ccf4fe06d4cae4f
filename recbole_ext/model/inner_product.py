"""Scores of sequential models whose representation of a history meets a vector of each item."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from recbole_ext._compat.host import BPRLoss
from recbole_ext.model.all_positions import AllPositions

__all__ = ["InnerProduct"]


class _PrefixLoss:
    """RecBole's losses of a batch of prefixes; :class:`AllPositions` calls what stands behind it."""

    def calculate_loss(self: Any, interaction: Any) -> torch.Tensor:
        """Returns RecBole's CE or BPR loss at the last items."""
        state, items = self.represented(interaction), self.item_embeddings()
        wanted = interaction[self.POS_ITEM_ID]
        if self.loss_type == "CE":
            return functional.cross_entropy(state @ items.T, wanted)
        liked, other = (functional.embedding(ids, items) for ids in (wanted, interaction[self.NEG_ITEM_ID]))
        return cast("torch.Tensor", BPRLoss()((state * liked).sum(dim=1), (state * other).sum(dim=1)))


class InnerProduct(AllPositions, _PrefixLoss):
    """Mixin for models that score by inner products; list it before the RecBole class.

    The model implements ``encode``, ``forward(item_seq, item_seq_len) -> (B, d)`` for the last item and, where these
    are not the vectors that items are read as, :meth:`item_embeddings`. :meth:`own_outputs` makes such vectors.
    """

    ITEM_ID: str
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

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` logits of one item per history."""
        return (self.represented(interaction) * self.item_embeddings()[interaction[self.ITEM_ID]]).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B, n_items)`` logits of the whole catalogue."""
        return self.represented(interaction) @ self.item_embeddings().T
