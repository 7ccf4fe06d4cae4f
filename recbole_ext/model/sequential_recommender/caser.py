"""Caser with a loss at every position."""

from __future__ import annotations

import torch
from torch import nn

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.model.all_positions import AllPositions
from recbole_ext.model.kernels.prefix_maxima import prefix_maxima

__all__ = ["Caser"]


class Caser(AllPositions, host.Caser):
    """RecBole's Caser (Tang and Wang, WSDM 2018) with the same parameters and the same function of the last L items.

    RecBole convolves the window of each prefix anew; here the convolutions run once over the sequence. As in RecBole,
    the padding embedding is not zero: it is initialised like the others, and the soft-max over all items updates it.

    ``full_windows: true`` trains each target from its last L items, as the paper and RecBole do; by default windows are
    cut as for the other models, so that one target in L is (see :class:`~recbole_ext.data.window_loader.WindowLoader`).
    """

    def encode(self, item_seq: torch.Tensor, item_seq_len: torch.Tensor, user: torch.Tensor) -> torch.Tensor:
        """Returns ``(B, T, embedding_size)``, the state of the last L items up to each position, for any length T.

        L is ``MAX_ITEM_LIST_LENGTH``. Before position L, the window holds all items so far, followed by padding.
        """
        embedded = self.item_embedding(item_seq)  # (B, T, d)
        features = self._of_prefixes(embedded[:, : self.max_seq_length])
        if item_seq.size(1) > self.max_seq_length:
            features = torch.cat([features, self._of_windows(embedded[:, 1:])], dim=1)
        state = self.ac_fc(self.fc1(self.dropout(features)))
        of_user = self.user_embedding(user)[:, None].expand_as(state)
        return self.ac_fc(self.fc2(torch.cat([state, of_user], dim=2)))

    def _of_prefixes(self, embedded: torch.Tensor) -> torch.Tensor:
        """Convolves the window of each prefix both ways, ``(B, T, d)`` with T ≤ L to ``(B, T, n_v d + n_h L)``."""
        padding = self.item_embedding.weight[0].detach()  # padding gets no gradient as an input
        shifted = (embedded - padding).transpose(0, 1)  # (T, B, d); padding is now zero
        vertical = self._causal(shifted) + self.conv_v.bias[:, None]
        vertical = vertical + self.conv_v.weight[:, 0].sum(dim=1) * padding
        weights = [conv.weight[:, 0] for conv in self.conv_h]  # (n_h, h, d) each
        biases = [conv.bias + w.sum(dim=1) @ padding for conv, w in zip(self.conv_h, weights, strict=True)]
        horizontal = prefix_maxima(shifted.contiguous(), weights, biases)
        return torch.cat([vertical.flatten(2), horizontal], dim=2).transpose(0, 1)

    def _causal(self, items: torch.Tensor) -> torch.Tensor:
        """Σ_{s≤t} w_vs x_s: the vertical filters, causal and depth-wise, ``(T, B, d)`` to ``(T, B, n_v, d)``."""
        length = len(items)
        weight = self.conv_v.weight[:, 0, :length, 0]  # (n_v, T)
        return torch.einsum("vts,sbd->tbvd", weight[:, None].expand(-1, length, -1).tril(), items)

    def _of_windows(self, embedded: torch.Tensor) -> torch.Tensor:
        """Convolves each full window both ways, ``(B, T, d)`` to ``(B, T - L + 1, n_v d + n_h L)``."""
        image = embedded[:, None]  # (B, 1, T, d)
        vertical = self.conv_v(image).transpose(1, 2).flatten(2)  # (B, T - L + 1, n_v d)
        horizontal = [
            nn.functional.max_pool1d(
                self.ac_conv(conv(image).squeeze(3)), self.max_seq_length - height, stride=1
            )
            for height, conv in enumerate(self.conv_h)
        ]  # (B, n_h, T - L + 1) each
        return torch.cat([vertical, torch.cat(horizontal, dim=1).transpose(1, 2)], dim=2)

    def regularisation(self) -> torch.Tensor:
        """Returns RecBole's penalty: the norms of embeddings, layers and filters, times ``reg_weight``."""
        weights = [
            layer.weight
            for layer in (self.user_embedding, self.item_embedding, self.conv_v, self.fc1, self.fc2)
        ]
        return self.reg_weight * self.reg_loss(weights) + self.reg_loss_conv_h()
