"""Truncated singular value decomposition of the training matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import svds

from recbole_ext.model.general_recommender.closed_form import ClosedForm

__all__ = ["PureSVD"]


class PureSVD(ClosedForm):
    """PureSVD (Cremonesi et al., RecSys 2010): the history projected on the strongest directions of the items.

    With X the binary training matrix and V its right singular vectors of the ``embedding_size`` largest singular
    values, from ARPACK in float64, score(u, j) = (x_u V Vᵀ)_j. A matrix whose smaller side is n gives at most
    n - 1 vectors.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        matrix = self.interaction_matrix[1:, 1:].astype(np.float64)  # without padding
        rank = max(1, min(int(config["embedding_size"]), min(matrix.shape) - 1))
        # A fixed start: the same vectors for every seed.
        start = np.random.default_rng(0).standard_normal(min(matrix.shape))
        directions = svds(matrix, k=rank, v0=start, return_singular_vectors="vh")[2]
        vectors = np.zeros((self.n_items, rank), dtype=np.float32)
        vectors[1:] = directions.T
        self.item_vectors = torch.from_numpy(vectors)  # (n_items, d)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        rows = self.interaction_matrix[self.users_of(interaction)]
        people = torch.from_numpy(np.ascontiguousarray(rows @ self.item_vectors.numpy()))
        return (people @ self.item_vectors.T).view(-1).to(self.device)

    def weights_between(self, history: np.ndarray, items: np.ndarray) -> np.ndarray:
        """``(H, R)`` weights of items of a history in the scores of other items."""
        vectors = self.item_vectors.numpy()
        return vectors[history] @ vectors[items].T
