"""Vectors of histories: what a matrix factorisation makes of a person whom it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.histories import Histories
from recbole_ext.model.kernels.least_squares import solved_side

__all__ = ["HistorySolver"]

_SAMPLE = 1_000
_SHARES_OF_ALL = (0.0, 0.001, 0.01, 0.1)
_RIDGES = (0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class HistorySolver:
    """Solves for the vector of a history while the vectors of the items stay as they were trained.

    The vector w of a history h minimises Σ_{i ∈ h} (w · v_i - 1)² + a Σ_i (w · v_i)² + λ |w|² over the items i of the
    catalogue: the step of implicit least squares (Hu et al., ICDM 2008). a and λ are those, of a grid, whose vectors
    of training histories are most like the trained vectors of the same users, by mean cosine; λ is in units of
    the mean squared length of the item vectors. Scores are w · v_i.

    Attributes:
        items: ``(n_items, d)`` vectors v; row 0, padding, is 0.
        weight_of_all: a.
        ridge: λ.
    """

    items: torch.Tensor
    weight_of_all: float
    ridge: float

    @classmethod
    def of(cls, model: Any, training: sp.csr_matrix) -> HistorySolver:
        """Reads the vectors of a model and chooses a and λ.

        Args:
            model: A model whose scores are inner products of vectors of users and items.
            training: ``(n_users, n_items)`` training interactions.
        """
        users, items = (table.detach().cpu() for table in _vectors(model))
        items = items.clone()
        items[0] = 0
        known = np.flatnonzero(np.diff(training.indptr))
        sample = known[np.linspace(0, len(known) - 1, min(_SAMPLE, len(known))).astype(np.int64)]
        rows, wanted = training[sample], users[torch.from_numpy(sample)]
        unit = float(items.square().sum(dim=1).mean()) or 1.0
        candidates = [cls(items, share, ridge * unit) for share in _SHARES_OF_ALL for ridge in _RIDGES]
        return max(
            candidates,
            key=lambda one: float(torch.cosine_similarity(one._solved(rows), wanted).mean()),
        )

    def scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items) float32`` scores, on the CPU."""
        return self._solved(histories.matrix(len(self.items))) @ self.items.T

    def _solved(self, rows: sp.csr_matrix) -> torch.Tensor:
        """``(P, d)`` vectors of the histories ``(P, n_items)``, each item counted once."""
        ridge = torch.full((rows.shape[0],), self.ridge)
        return solved_side(rows, self.items, self.weight_of_all, ridge)


def _vectors(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """``(n_users, d)`` and ``(n_items, d)`` vectors whose inner products are a model's scores."""
    if hasattr(model, "restore_item_e"):  # RecBole's models of graphs
        if model.restore_item_e is None:
            model.full_sort_predict({model.USER_ID: torch.ones(1, dtype=torch.int64, device=model.device)})
        return model.restore_user_e, model.restore_item_e
    if hasattr(model, "user_embeddings"):  # NCEPLRec
        return model.user_embeddings.float(), model.item_embeddings.T.float()
    users, items = model.user_embedding.weight, model.item_embedding.weight
    return (users * model.H_i.weight, items) if hasattr(model, "H_i") else (users, items)
