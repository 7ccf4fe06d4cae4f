"""Maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recbole_ext.rerank.methods.base import Choose, PerUserReranker
from recbole_ext.rerank.methods.candidates import Floats, Ints
from recbole_ext.rerank.methods.greedy import greedy
from recbole_ext.rerank.methods.side_information import SideInformation

__all__ = ["MMR"]

# With more distinct vectors than this, a table of their similarities (134 MB) is not worth its memory.
_MOST_IN_TABLE = 4096


@dataclass(frozen=True)
class MMR(PerUserReranker):
    """``λ·s - (1-λ)·max similarity to the list so far``, greedy (Carbonell and Goldstein, SIGIR 1998).

    With the paper's λ, 1 is the input order; here ``strength`` is 1 - λ, so that 0 means "unchanged" for every method.
    Similarity is the cosine of the items' vectors, or of their genres if there are no vectors. It is 0 for an item
    that has neither, and for the empty list.

    Attributes:
        strength: 1 - λ, in [0, 1].
    """

    name: ClassVar[str] = "mmr"

    def cells_per_candidate(self, side: SideInformation) -> int:
        """See ``PerUserReranker``."""
        distinct, _ = side.items.distinct_vectors
        return 1 if len(distinct) <= _MOST_IN_TABLE else distinct.shape[1]

    def prepare(self, side: SideInformation) -> Choose:
        """See ``PerUserReranker``."""
        distinct, row_of = side.items.distinct_vectors
        table = distinct @ distinct.T if len(distinct) <= _MOST_IN_TABLE else None

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            similar = _similarities(row_of[items], distinct, table)
            closest: Floats | None = None

            def bonus(size: int) -> Floats:
                return np.zeros_like(s) if closest is None else -self.strength * closest

            def add(best: Ints) -> None:
                nonlocal closest
                closest = similar(best) if closest is None else np.maximum(closest, similar(best))

            return greedy(np.where(items > 0, (1.0 - self.strength) * s, -np.inf), k, bonus, add)

        return choose


def _similarities(kinds: Ints, distinct: Floats, table: Floats | None) -> Callable[[Ints], Floats]:
    """Maps ``(B,)`` positions to ``(B, N)`` cosines of all candidates with the candidate at that position."""
    user = np.arange(len(kinds))
    if table is not None:
        # Cosines are symmetric; reading along the rows of the items just taken is cache-friendly.
        return lambda best: np.take_along_axis(table[kinds[user, best]], kinds, axis=1)
    vectors = distinct[kinds]  # (B, N, D)
    return lambda best: (vectors @ vectors[user, best][:, :, None])[:, :, 0]
