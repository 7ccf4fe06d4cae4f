"""Bases of models in closed form that read what an item is."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext.data.content import ItemFeatures, item_features
from recbole_ext.model.general_recommender.closed_form import ClosedForm

__all__ = ["ContentScores", "DenseWeights", "without_self"]


class ContentScores(ClosedForm):
    """A model of the training matrix and of what items are; it knows no item by its id alone.

    Attributes:
        item_features: What the items are.
    """

    makes_features = True
    item_features: ItemFeatures

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.content_features = item_features(config, dataset)


class DenseWeights(ContentScores):
    """A linear model with a weight between every two items: score(u, j) = Σ_i x_ui w(i, j).

    Attributes:
        w: ``(n_items, n_items) float32``; row i holds the weights of item i of a history; row and column 0 are 0.
    """

    w: np.ndarray

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        rows = self.interaction_matrix[self.users_of(interaction)]
        return torch.from_numpy(np.ascontiguousarray(rows @ self.w)).view(-1).to(self.device)

    def gram(self) -> np.ndarray:
        """``(n, n) float64``: how often two items of the catalogue without padding are had by the same user."""
        matrix = self.interaction_matrix[:, 1:].astype(np.float64)
        return np.asarray((matrix.T @ matrix).todense())

    def keep(self, weights: np.ndarray) -> None:
        """Stores weights ``(n, n)`` between the items without padding as ``w``."""
        self.w = np.zeros((self.n_items, self.n_items), dtype=np.float32)
        self.w[1:, 1:] = weights


def without_self(system: np.ndarray) -> np.ndarray:
    """The weights -P_ij / P_jj with 0 on the diagonal, from P, the inverse of a system (Steck 2019).

    Args:
        system: ``(n, n) float64``, regular.
    """
    inverse = np.linalg.inv(system)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights
