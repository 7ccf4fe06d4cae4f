"""The base class of all re-rankers, which map candidates and side information to ordered lists, and its checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from recbole_ext.config.blocks import rerank_method
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.progress import stage
from recbole_ext.rerank.methods.candidates import Candidates, Floats, Ints, row_blocks, scaled_scores
from recbole_ext.rerank.methods.side_information import SideInformation

__all__ = ["Choose", "PerUserReranker", "Reranker", "checked_strength"]

Choose = Callable[[slice, Ints, Floats, int], tuple[Ints, Floats]]
"""``(rows, items (B, N), s (B, N), k) -> (positions (B, k), values (B, k))`` for one block of users."""


class Reranker(Protocol):
    """The interface of a re-ranker: builds the lists of all users from their candidates."""

    @property
    def name(self) -> str:
        """Name of the method in the table of re-rankers."""
        ...

    def __call__(self, candidates: Candidates, side: SideInformation, k: int) -> tuple[Ints, Floats]:
        """Builds lists of length k.

        Args:
            candidates: The N best items of each user.
            side: Information on items and users other than the scores.
            k: Length of every list.

        Returns:
            ``(U, k) int64`` item ids, first position first, and ``(U, k) float64`` their values.
        """
        ...


def checked_strength(method: str, strength: float, highest: float = 1.0) -> float:
    """Returns a valid strength.

    Args:
        method: Name of the method, for the error.
        strength: 0 = input order.
        highest: Upper end of the range, possibly infinite; the strength itself must be finite.

    Raises:
        ConfigError: The strength is not a finite number from 0 to ``highest``.
    """
    if isinstance(strength, bool) or not isinstance(strength, int | float | np.integer | np.floating):
        raise ConfigError(f"the strength of {method} is {strength!r}: give a number")
    if not (np.isfinite(strength) and 0.0 <= strength <= highest):
        allowed = "of 0 or more" if np.isinf(highest) else f"from 0 to {highest:g}"
        raise ConfigError(f"the strength of {method} is {strength!r}: give a finite number {allowed}")
    return float(strength)


@dataclass(frozen=True)
class PerUserReranker(ABC):
    """A rule that orders the candidates of each user separately, computed for blocks of users.

    ``s`` is the score, min-max scaled per user over the given candidates (the top N); it is 0 for all candidates if
    their scores are equal. Strength 0 returns the first k candidates in their order, because ties always follow the
    order of the candidates. No method uses random numbers.

    Attributes:
        strength: α or λ of the rule, 0 = input order.
    """

    strength: float

    name: ClassVar[str]
    needs_users: ClassVar[bool] = False

    def __post_init__(self) -> None:
        highest = rerank_method(self.name).highest_strength
        object.__setattr__(self, "strength", checked_strength(self.name, self.strength, highest))

    @abstractmethod
    def prepare(self, side: SideInformation) -> Choose:
        """Computes everything that is independent of the block, and returns the rule for a block of users."""

    def cells_per_candidate(self, side: SideInformation) -> int:
        """Temporary numbers per candidate, which bound the memory of a block."""
        return 1

    def __call__(self, candidates: Candidates, side: SideInformation, k: int) -> tuple[Ints, Floats]:
        """Re-orders every user's candidates.

        Args:
            candidates: The N best items of each user; N is set by the caller (200 by default in the settings).
            side: Items, and histories if ``needs_users``; user rows as in ``candidates``.
            k: Length of every list.

        Returns:
            ``(U, k) int64`` item ids and ``(U, k) float64`` the value of the rule when each item was taken (for
            greedy rules, the gain over the list so far, so values may increase along a list).

        Raises:
            ConfigError: k is below 1, above N, or above the number of a user's candidates.
            DataError: The side information does not fit the candidates, or lacks information that the rule needs.
        """
        self._check(candidates, side, k)
        choose = self.prepare(side)
        items = np.zeros((candidates.n_users, k), dtype=np.int64)
        values = np.zeros((candidates.n_users, k))
        with stage("ordering the lists of", candidates.n_users, "users") as ordering:
            for rows in row_blocks(candidates.n_users, candidates.depth * self.cells_per_candidate(side)):
                block = candidates.items[rows]
                positions, values[rows] = choose(
                    rows, block, scaled_scores(block, candidates.scores[rows]), k
                )
                items[rows] = np.take_along_axis(block, positions, axis=1)
                ordering.at(min(rows.stop, candidates.n_users))
        return items, values

    def _check(self, candidates: Candidates, side: SideInformation, k: int) -> None:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ConfigError(f"k is {k!r}: give a whole number of 1 or more")
        if k > candidates.depth:
            raise ConfigError(
                f"k is {k}, but there are only N = {candidates.depth} candidates: raise candidates"
            )
        if not candidates.n_users:
            return
        counts = candidates.counts()
        if counts.min() < k:
            raise ConfigError(
                f"user row {int(counts.argmin())} has {int(counts.min())} candidates and k is {k}: lower k"
            )
        highest = int(candidates.items.max())
        if highest >= side.items.n_items:
            raise DataError(
                f"candidate {highest} lies outside the catalogue 1..{side.items.n_items - 1}: give ids of the "
                "same data"
            )
        if not self.needs_users:
            return
        if side.users is None:
            raise DataError(
                f"{self.name} needs user profiles: give SideInformation the training histories as UserHistories"
            )
        if side.users.n_users != candidates.n_users:
            raise DataError(
                f"there are histories of {side.users.n_users} users and candidates of {candidates.n_users}: "
                "give the same rows"
            )
