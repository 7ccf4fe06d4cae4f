"""Three-step random walks with a popularity discount."""

from __future__ import annotations

from typing import Any

from recbole_ext.model.general_recommender.closed_form import ItemWeights
from recbole_ext.model.kernels.item_walks import item_walks

__all__ = ["RP3beta"]


class RP3beta(ItemWeights):
    """RP3β (Paudel et al., TiiS 2017): walks user-item-user-item, discounted by target popularity.

    With x the binary training interactions, n_u the number of items of u, φ(i) the number of users of i,
    α = ``walk_power`` and β = ``target_popularity``:

    w(i, j) = Σ_u (x_ui / φ(i))^α (x_uj / n_u)^α / φ(j)^β, 0 on the diagonal. Each row keeps its ``k`` largest
    values, and with ``normalise`` is divided by its sum (Ferrari Dacrema et al., TOIS 2021).
    score(u, j) = Σ_i x_ui w(i, j). With β = 0 the model is P3α.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.w = item_walks(
            self.interaction_matrix,
            power=float(config["walk_power"]),
            target_popularity=float(config["target_popularity"]),
            k=int(config["k"]),
            normalise=bool(config["normalise"]),
        )
