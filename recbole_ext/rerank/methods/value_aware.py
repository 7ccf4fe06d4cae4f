"""The value-aware mixture of score and unpopularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recbole_ext.rerank.methods.base import Choose, PerUserReranker
from recbole_ext.rerank.methods.candidates import Floats, Ints, top_positions
from recbole_ext.rerank.methods.side_information import SideInformation

__all__ = ["ValueAware"]


@dataclass(frozen=True)
class ValueAware(PerUserReranker):
    """``(1-λ)·s + λ·(1-p)`` with p = log(1+φ) / log(1+max φ): an item's value is its unpopularity.

    λ = 1 orders the candidates by popularity alone, least popular first.

    Attributes:
        strength: λ in [0, 1].
    """

    name: ClassVar[str] = "value_aware"

    def prepare(self, side: SideInformation) -> Choose:
        """See ``PerUserReranker``."""
        worth = self.strength * (1.0 - side.items.log_popularity)

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            value = np.where(items > 0, (1.0 - self.strength) * s + worth[items], -np.inf)
            positions = top_positions(value, k)
            return positions, np.take_along_axis(value, positions, axis=1)

        return choose
