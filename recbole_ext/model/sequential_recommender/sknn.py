"""Nearest sessions."""

from __future__ import annotations

import numpy as np

from recbole_ext.model.sequential_recommender.counted import Windows
from recbole_ext.model.sequential_recommender.session_neighbours import SessionNeighbours

__all__ = ["SKNN"]


class SKNN(SessionNeighbours):
    """Nearest sessions by cosine (Jannach and Ludewig, RecSys 2017), with all other users' histories as sessions.

    similarity(s, n) = |s ∩ n| / √(|s| |n|) and score(j) = Σ similarity(s, n) over the ``k`` most similar n with j.
    The paper searches only the most recent sessions for neighbours; this model searches all.
    """

    reads_times = False

    def factor(self, histories: Windows) -> np.ndarray:
        """``(B, n_users)`` 1 / √(|s| |n|)."""
        return _root(histories.lengths)[:, None] * _root(self.sessions.lengths)


def _root(lengths: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(np.maximum(lengths, 1))
