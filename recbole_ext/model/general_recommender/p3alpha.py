"""Three-step random walks."""

from __future__ import annotations

from typing import Any

from recbole_ext.model.general_recommender.closed_form import ItemWeights
from recbole_ext.model.kernels.item_walks import item_walks

__all__ = ["P3alpha"]


class P3alpha(ItemWeights):
    """P3α (Cooper et al., WWW 2014): walks user-item-user-item, each step's probability to the power α.

    With x the binary training interactions, n_u the number of items of u, φ(i) the number of users of i and
    α = ``walk_power``: w(i, j) = Σ_u (x_ui / φ(i))^α (x_uj / n_u)^α, 0 on the diagonal. Each row keeps its ``k``
    largest values, and with ``normalise`` is divided by its sum (Ferrari Dacrema et al., TOIS 2021).
    score(u, j) = Σ_i x_ui w(i, j).
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.w = item_walks(
            self.interaction_matrix,
            power=float(config["walk_power"]),
            target_popularity=0.0,
            k=int(config["k"]),
            normalise=bool(config["normalise"]),
        )
