"""Matrix factorisation of implicit feedback by alternating least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType
from recbole_ext.data.histories import Histories
from recbole_ext.model.kernels.least_squares import solved_side

__all__ = ["iALS"]


class iALS(GeneralRecommender):
    """Implicit alternating least squares (Hu et al., ICDM 2008) with the settings of Rendle et al. (RecSys 2022).

    It minimises Σ_{(u,i) observed} (w_u · v_i - 1)² + α Σ_{u,i} (w_u · v_i)² + λ Σ_u (n_u + α |I|)^ν |w_u|² +
    λ Σ_i (φ(i) + α |U|)^ν |v_i|² in turn over all users and all items, ``iterations`` times from vectors drawn with a
    standard deviation of 0.1 / √d; α = ``unobserved_weight``, λ = ``regularisation``, ν = ``regularisation_power``, d =
    ``embedding_size``. The score is w_u · v_i. The whole fit runs in the first batch of the single epoch.
    """

    type = ModelType.TRADITIONAL
    input_type = InputType.LISTWISE

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        size = int(config["embedding_size"])
        self.unobserved, self.iterations = float(config["unobserved_weight"]), int(config["iterations"])
        self.strength, self.power = float(config["regularisation"]), float(config["regularisation_power"])
        self.matrix = dataset.inter_matrix(form="csr").astype(np.float32)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))
        self.user_embedding = torch.nn.Embedding(self.n_users, size)
        self.item_embedding = torch.nn.Embedding(self.n_items, size, padding_idx=0)
        for embedding in (self.user_embedding, self.item_embedding):
            embedding.weight.requires_grad_(False)
            torch.nn.init.normal_(embedding.weight, std=0.1 / size**0.5)
        with torch.no_grad():
            self.item_embedding.weight[0] = 0
        self.register_buffer("solved", torch.zeros(1))

    def _regularisation(self, matrix: sp.csr_matrix, others: int) -> torch.Tensor:
        lengths = torch.from_numpy(np.diff(matrix.indptr)).double()
        return (self.strength * (lengths + self.unobserved * others) ** self.power).float()

    @torch.no_grad()
    def solve(self) -> None:
        """Runs all iterations, starting from the current vectors."""
        by_item = self.matrix.T.tocsr()
        # Padding counts on neither side.
        of_users = self._regularisation(self.matrix, self.n_items - 1)
        of_items = self._regularisation(by_item, self.n_users - 1)
        items = self.item_embedding.weight.cpu()
        for _ in range(self.iterations):
            users = solved_side(self.matrix, items, self.unobserved, of_users)
            items = solved_side(by_item, users, self.unobserved, of_items)
        self.user_embedding.weight.copy_(users)
        self.item_embedding.weight.copy_(items)
        self.solved.fill_(1)

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Solves on the first call; the returned loss is 0 and has no useful gradient."""
        if not self.solved:
            self.solve()
        return self.fake_loss.sum() * 0

    def predict(self, interaction: Any) -> torch.Tensor:
        """``(B,) float32`` scores of pairs."""
        users, items = (
            self.user_embedding(interaction[self.USER_ID]),
            self.item_embedding(interaction[self.ITEM_ID]),
        )
        return (users * items).sum(dim=1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B * n_items,) float32`` scores of the whole catalogue."""
        return (self.user_embedding(interaction[self.USER_ID]) @ self.item_embedding.weight.T).view(-1)

    def history_scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items) float32`` scores of any histories, whose vectors are solved for as those of users."""
        matrix = histories.matrix(self.n_items)
        items = self.item_embedding.weight.cpu()
        of_people = self._regularisation(matrix, self.n_items - 1)
        return solved_side(matrix, items, self.unobserved, of_people) @ items.T
