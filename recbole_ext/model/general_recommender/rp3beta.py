"""Three-step random walks with a popularity discount."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
from recbole_ext.model.kernels.largest_rows import LargestRows
from recbole_ext.model.kernels.sparse_product import dense_product

__all__ = ["RP3beta"]

_BLOCK_ELEMENTS = 1 << 21


class RP3beta(GeneralRecommender):
    """RP3β (Paudel et al., TiiS 2017): walks user-item-user-item, discounted by target popularity.

    With x the binary training interactions, n_u the number of items of u, φ(i) the number of users of i,
    α = ``walk_power`` and β = ``target_popularity``:

    w(i, j) = Σ_u (x_ui / φ(i))^α (x_uj / n_u)^α / φ(j)^β, 0 on the diagonal. Each row keeps its ``k`` largest
    values, and with ``normalise`` is divided by its sum (Ferrari Dacrema et al., TOIS 2021).
    score(u, j) = Σ_i x_ui w(i, j). With β = 0 the model is P3α (Cooper et al., WWW 2014).
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.LISTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        # scipy sums repeated interactions, but a walk counts each edge once.
        self.interaction_matrix = dataset.inter_matrix(form="csr").astype(np.float32)
        self.interaction_matrix.data[:] = 1
        self.w = self._walks(
            float(config["walk_power"]),
            float(config["target_popularity"]),
            int(config["k"]),
            bool(config["normalise"]),
        )

    def _walks(self, alpha: float, beta: float, k: int, normalise: bool) -> sp.csr_matrix:
        """w: ``(n_items, n_items) float32``."""
        matrix = self.interaction_matrix
        n_items = matrix.shape[1]
        popularity, activity = (
            np.maximum(np.asarray(matrix.sum(axis=axis)).ravel(), 1).astype(np.float64) for axis in (0, 1)
        )
        to_user = (sp.diags(popularity**-alpha) @ matrix.T).tocsr().astype(np.float32)
        to_item = (
            (sp.diags(activity**-alpha) @ matrix @ sp.diags(popularity**-beta)).tocsr().astype(np.float32)
        )
        rows, step = LargestRows(n_items, k), max(1, _BLOCK_ELEMENTS // n_items)
        for start in range(0, n_items, step):
            block = dense_product(to_user[start : start + step], to_item)  # (step, n_items)
            block.diagonal(start).zero_()
            rows.add(block.numpy())
        found = rows.matrix()
        if normalise:
            total = np.asarray(found.sum(axis=1)).ravel()
            found.data /= np.repeat(total, np.diff(found.indptr))
        return found

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs."""
        scores = self.full_sort_predict(interaction).view(-1, self.n_items)
        return scores.gather(1, interaction[self.ITEM_ID][:, None]).squeeze(1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        # A copy: scipy cannot index with an array that torch owns.
        users = np.array(interaction[self.USER_ID].cpu())
        return dense_product(self.interaction_matrix[users], self.w).view(-1).to(self.device)
