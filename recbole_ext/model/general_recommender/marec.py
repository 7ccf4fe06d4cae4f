"""EASE whose rare items are aligned with what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from recbole_ext.model.general_recommender.content_scores import DenseWeights, without_self

__all__ = ["MARec", "alignment_weights", "rarity", "smoothed_cosine"]

_ROWS = 256


def smoothed_cosine(features: np.ndarray, shrink: float) -> np.ndarray:
    """f_i · f_j / (|f_i| |f_j| + ``shrink``), 0 on the diagonal, ``(n, F)`` to ``(n, n) float64``."""
    features = features.astype(np.float64)
    lengths = np.linalg.norm(features, axis=1)
    likeness = features @ features.T
    likeness /= np.maximum(np.outer(lengths, lengths) + shrink, 1e-12)
    np.fill_diagonal(likeness, 0)
    return likeness


def alignment_weights(matrix: sp.csr_matrix, likenesses: Sequence[np.ndarray], zero: float) -> np.ndarray:
    """The μ of Σ_l μ_l X G_l + c that fits X best, by least squares.

    Args:
        matrix: ``(m, n)`` binary X.
        likenesses: G, ``(n, n)`` each.
        zero: Weight of the entries of X that are 0, beside 1 of the others.

    Returns:
        ``(L,) float64``.
    """
    width = len(likenesses) + 1
    system, wanted = np.zeros((width, width)), np.zeros(width)
    for start in range(0, matrix.shape[0], _ROWS):
        rows = matrix[start : start + _ROWS].astype(np.float64)
        target = rows.toarray().ravel()
        parts = [np.asarray(rows @ one).ravel() for one in likenesses]
        design = np.stack([*parts, np.ones(len(target))])  # (L + 1, b n)
        weighted = design * np.where(target > 0, 1.0, zero)
        system += weighted @ design.T
        wanted += weighted @ target
    return np.linalg.lstsq(system, wanted, rcond=None)[0][:-1]


def rarity(counts: np.ndarray, percentile: float, weight: float) -> np.ndarray:
    """How much each item is aligned: ``weight`` without interactions, falling to 0 at a percentile of the counts.

    Args:
        counts: ``(n,)`` training interactions.
        percentile: From 0 to 100; the count there is taken as 1 if it is less.
        weight: Of an item without interactions.
    """
    least = max(float(np.percentile(counts, percentile)), 1.0)
    return weight / least * np.maximum(least - counts, 0)


class MARec(DenseWeights):
    """Metadata alignment (Monteil et al., RecSys 2024), in closed form with EASE as its backbone.

    With the Gram matrix C = XᵀX of the binary training matrix, the likeness S = Σ_l μ_l G_l of items by each feature l
    (:func:`smoothed_cosine` with ``shrink``), μ fitted to X (:func:`alignment_weights` with ``zero_weight``) and D the
    diagonal of :func:`rarity` (``cold_percentile``, ``cold_weight``), W follows from
    P = (C + ``alignment`` C S D + ``reg_weight`` I)⁻¹ as in EASE: w(i, j) = -P_ij / P_jj, and 0 on the diagonal.
    score(u, j) = (x_u W)_j. Popular items keep the weights that EASE gives them nearly unchanged.

    This is what the authors' public code computes; its regularisation that depends on popularity is 0 there, too. The
    paper also has other backbones and trained features, which are left out. A row of a feature has a mean squared
    length of 1 here, so that ``shrink`` has another unit than in the paper, whose rows are counts.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        matrix = self.interaction_matrix[1:, 1:]
        likenesses = [
            smoothed_cosine(block.values[1:], float(config["shrink"]))
            for block in self.content_features.blocks
        ]
        self.weights = alignment_weights(matrix, likenesses, float(config["zero_weight"]))
        likeness = sum(weight * one for weight, one in zip(self.weights, likenesses, strict=True))
        gram = self.gram()
        rare = rarity(np.diag(gram), float(config["cold_percentile"]), float(config["cold_weight"]))
        system = gram + float(config["alignment"]) * (gram @ likeness) * rare
        system[np.diag_indices_from(system)] += float(config["reg_weight"])
        self.keep(without_self(system))
