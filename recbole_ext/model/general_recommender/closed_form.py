"""Bases of general models that are computed from the training matrix when they are built."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["ClosedForm", "ItemWeights"]


class ClosedForm(GeneralRecommender):
    """A model of the binary training matrix that learns nothing afterwards.

    The trainer runs one epoch, a short pass over users that does nothing. A checkpoint stores no weights, because they
    follow from the training data.

    Attributes:
        interaction_matrix: ``(n_users, n_items) float32``: 1 where a user has an item, however often.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.LISTWISE
    interaction_matrix: sp.csr_matrix

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        self.interaction_matrix = dataset.inter_matrix(form="csr").astype(np.float32)
        self.interaction_matrix.data[:] = 1

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def users_of(self, interaction: Any) -> np.ndarray:
        """``(B,) int64`` ids; a copy, since scipy cannot index with an array that torch owns."""
        return np.array(interaction[self.USER_ID].cpu())

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs."""
        scores = self.full_sort_predict(interaction).view(-1, self.n_items)
        return scores.gather(1, interaction[self.ITEM_ID][:, None]).squeeze(1)


class ItemWeights(ClosedForm):
    """A linear model with sparse weights between items: score(u, j) = Σ_i x_ui w(i, j).

    Attributes:
        w: ``(n_items, n_items) float32``; row i holds the weights of item i of a history.
    """

    w: sp.csr_matrix

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        rows = self.interaction_matrix[self.users_of(interaction)]
        return dense_product(rows, self.w).view(-1).to(self.device)
