"""EASE with what items are beside who had them."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.model.general_recommender.content_scores import DenseWeights, without_self

__all__ = ["CEASE"]


class CEASE(DenseWeights):
    """Collective EASE (Jeunen, Van Balen and Goethals, RecSys 2020): one W rebuilds interactions and features.

    W minimises |X - X W|² + ``side_weight`` |T - T W|² + ``reg_weight`` |W|² subject to diag(W) = 0, with the binary
    training matrix X ``(users, items)`` and the features T ``(F, items)``: the solution is that of EASE (Steck 2019) of
    the rows of X and T one above the other. score(u, j) = (x_u W)_j. The paper weighs each row of T; here all rows of
    a feature have the same weight, and the mean squared length of an item's features is 1 for each of them.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        features = self.content_features.matrix()[1:].astype(np.float64)  # (n, F)
        system = self.gram() + float(config["side_weight"]) * (features @ features.T)
        system[np.diag_indices_from(system)] += float(config["reg_weight"])
        self.keep(without_self(system))
