"""xQuAD over popularity: lists that cover head and tail in proportion to the user's profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recbole_ext.config.blocks import XQUAD_VARIANTS
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.methods.base import Choose, PerUserReranker
from recbole_ext.rerank.methods.candidates import Floats, Ints
from recbole_ext.rerank.methods.greedy import greedy_over_groups
from recbole_ext.rerank.methods.side_information import SideInformation, user_profiles

__all__ = ["XQuAD"]


@dataclass(frozen=True)
class XQuAD(PerUserReranker):
    """``(1-λ)·s + λ·P(c|u)·(1 - share of c already in the list)``, greedy (Abdollahpouri et al., FLAIRS 2019).

    c is the item's category, head or tail. P(c|u) is its share of the user's training interactions, or of all
    training interactions for a user without any. The share of c is 0 for the empty list. In a catalogue that is all
    head or all tail, every candidate has the same second term, so the input order does not change.

    Attributes:
        strength: λ in [0, 1].
        variant: ``smooth`` (the protocol's rule): items of c in the list divided by the length of the list;
            ``binary``: 1 as soon as the list holds one item of c.
    """

    variant: str = "smooth"

    name: ClassVar[str] = "xquad"
    needs_users: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant not in XQUAD_VARIANTS:
            raise ConfigError(
                f"variant of xquad is {self.variant!r}: use {' or '.join(XQUAD_VARIANTS)}"
                f"{nearest(str(self.variant), XQUAD_VARIANTS)}"
            )

    def prepare(self, side: SideInformation) -> Choose:
        """See ``PerUserReranker``."""
        labels = side.items.head_and_tail
        # Padding has label -1, which selects the last row of the identity; its cut leaves zeros.
        wanted = user_profiles(side, np.eye(3)[labels][:, :2])

        def choose(rows: slice, items: Ints, s: Floats, k: int) -> tuple[Ints, Floats]:
            def bonus(taken: Floats, size: int) -> Floats:
                share = taken / max(size, 1) if self.variant == "smooth" else np.minimum(taken, 1.0)
                return self.strength * (wanted[rows] * (1.0 - share))

            return greedy_over_groups((1.0 - self.strength) * s, labels[items], 2, k, bonus)

        return choose
