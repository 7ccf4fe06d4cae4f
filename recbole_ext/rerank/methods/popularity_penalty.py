"""The static popularity penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recbole_ext.rerank.methods.base import Choose, PerUserReranker
from recbole_ext.rerank.methods.candidates import Floats, Ints, top_positions
from recbole_ext.rerank.methods.side_information import SideInformation

__all__ = ["PopularityPenalty"]


@dataclass(frozen=True)
class PopularityPenalty(PerUserReranker):
    """``s - α·p`` with p = log(1+φ) / log(1+max φ).

    α is in units of s, the score min-max scaled per user over the top N. α = 0.1 is the published setting of the
    reproduced study. As α increases, the sum of p over a list never increases. The cost is one partition, as for a
    top-N selection.

    Attributes:
        strength: α, at least 0.
    """

    name: ClassVar[str] = "popularity_penalty"

    def prepare(self, side: SideInformation) -> Choose:
        """See ``PerUserReranker``."""
        penalty = self.strength * side.items.log_popularity

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            value = np.where(items > 0, s - penalty[items], -np.inf)
            positions = top_positions(value, k)
            return positions, np.take_along_axis(value, positions, axis=1)

        return choose
