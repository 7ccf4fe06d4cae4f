"""Matrix factorisation of implicit feedback by alternating least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import GeneralRecommender, InputType, ModelType

__all__ = ["iALS", "solved_side"]

_BLOCK_ELEMENTS = 1 << 22


def solved_side(
    matrix: sp.csr_matrix, other: torch.Tensor, unobserved: float, regularisation: torch.Tensor
) -> torch.Tensor:
    """Solves for the vectors of one side that minimise the loss while the other side is fixed.

    Row u is the solution of (Σ_i v_i v_iᵀ + α V Vᵀ + λ_u I) w_u = Σ_i v_i, sums over the items i of u.

    Args:
        matrix: ``(n, m)`` binary interactions.
        other: ``(m, d) float32`` v; row 0 is padding and must be 0.
        unobserved: α, the weight of all pairs.
        regularisation: ``(n,) float32`` λ, above 0.

    Returns:
        ``(n, d) float32``, 0 for a row without interactions.
    """
    dimension = other.shape[1]
    gram = unobserved * (other.T @ other)
    lengths = np.diff(matrix.indptr)
    result = torch.zeros(matrix.shape[0], dimension)
    # Sorted by length, so that a batch has little padding.
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    identity = torch.eye(dimension)
    done = 0
    while done < len(order):
        rows = order[done : done + max(1, _BLOCK_ELEMENTS // dimension**2)]
        cost = np.arange(1, len(rows) + 1) * np.maximum(lengths[rows], dimension) * dimension
        rows = rows[: max(1, int(np.searchsorted(cost, _BLOCK_ELEMENTS, side="right")))]
        width = int(lengths[rows[-1]])
        place = np.arange(width)
        inside = place < lengths[rows, None]
        items = np.where(inside, matrix.indices[np.where(inside, matrix.indptr[rows, None] + place, 0)], 0)
        vectors = other[torch.from_numpy(items)]  # (b, width, d)
        system = vectors.transpose(1, 2) @ vectors + gram
        system += regularisation[torch.from_numpy(rows), None, None] * identity
        target = vectors.sum(dim=1)
        result[torch.from_numpy(rows)] = torch.cholesky_solve(
            target[:, :, None], torch.linalg.cholesky(system)
        ).squeeze(2)
        done += len(rows)
    return result


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
