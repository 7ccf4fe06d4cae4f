"""What one pass over the users of a phase gives, before any metric: lists, and the places of the held-out items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Ranked"]


@dataclass(frozen=True)
class Ranked:
    """Lists and ranks of users, in their order.

    Attributes:
        items, scores: ``(U, K)`` lists, as of :class:`~recbole_ext.evaluator.ranking.Lists`.
        ranks: ``(T,)`` best place of each held-out item.
        ties: ``(T,) int64`` candidates with its score.
        owners: ``(T,) int64`` row of its user, ascending.
        areas: ``(U,)`` areas under the curve; None unless they were asked for.
        seconds: It took.
    """

    items: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    ties: np.ndarray
    owners: np.ndarray
    areas: np.ndarray | None
    seconds: float

    @classmethod
    def together(cls, parts: Sequence[tuple[np.ndarray, Ranked]], users: int) -> Ranked:
        """The parts of several processes as one process has them.

        Args:
            parts: ``(U_r,)`` rows of a part's users among all, and the part.
            users: U.
        """
        rows = np.concatenate([rows for rows, _ in parts])
        owners = np.concatenate([rows[part.owners] for rows, part in parts])
        by_user, by_target = np.argsort(rows), np.argsort(owners, kind="stable")
        assert len(rows) == users

        def of_users(name: str) -> np.ndarray:
            return np.concatenate([getattr(part, name) for _, part in parts])[by_user]

        def of_targets(name: str) -> np.ndarray:
            return np.concatenate([getattr(part, name) for _, part in parts])[by_target]

        return cls(
            of_users("items"),
            of_users("scores"),
            of_targets("ranks"),
            of_targets("ties"),
            owners[by_target],
            None if any(part.areas is None for _, part in parts) else of_users("areas"),
            max(part.seconds for _, part in parts),
        )
