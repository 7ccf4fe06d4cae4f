"""Neighbours by content: what is like the films of the history."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_ext.model.general_recommender.closed_form import ItemWeights
from recbole_ext.model.general_recommender.content_scores import ContentScores
from recbole_ext.model.kernels.largest_rows import LargestRows

__all__ = ["ContentKNN", "content_neighbours"]

_ROWS = 512


def content_neighbours(matrix: np.ndarray, k: int | None) -> Any:
    """The cosines of each item with the k items that are most like it.

    Args:
        matrix: ``(n_items, F)`` features; a row of 0 is like nothing.
        k: Neighbours of an item; all if None.

    Returns:
        ``(n_items, n_items) float32`` sparse; column j holds the neighbours of item j, none of them below 0.
    """
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = (matrix / np.maximum(lengths, 1e-12)).astype(np.float32)
    found = LargestRows(len(rows), k)
    for start in range(0, len(rows), _ROWS):
        block = np.maximum(rows[start : start + _ROWS] @ rows.T, 0)
        place = np.arange(len(block))
        block[place, start + place] = 0
        found.add(block)
    return found.matrix().T.tocsr()


class ContentKNN(ContentScores, ItemWeights):
    """A film is scored by its likeness to those of the history: the floor of content (Lops et al. 2011).

    score(u, j) = Σ cos(f_i, f_j) over the items i of the history that are among the ``k`` items most like j, with the
    features f that ``item_features`` names side by side, each with the same weight. Nobody else's interactions count,
    so that a film that nobody has rated is ranked like any other.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.w = content_neighbours(self.content_features.matrix(), config["k"])
