"""Histories out of order: what a model loses on them is what the order was worth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from recbole_ext.data.interactions import Interactions

__all__ = ["SHUFFLES", "Shuffle", "same_group", "shuffle_of", "shuffled"]

Shuffle = Literal["none", "seconds", "sessions", "all"]
SHUFFLES: tuple[Shuffle, ...] = get_args(Shuffle)
"""Within what a history is shuffled: nothing, equal time stamps, sessions, or the whole history."""


def shuffle_of(config: Any) -> Shuffle:
    """The shuffle that a configuration asks for; runs of earlier versions know of none."""
    # RecBole's configuration has no get.
    found: Shuffle = config["history_shuffle"] if "history_shuffle" in config else "none"  # noqa: SIM401
    return found


def same_group(data: Interactions, within: Shuffle, session_gap: int) -> np.ndarray:
    """``(N - 1,) bool``: whether a row and the next one are of one user and stand in one group.

    Args:
        data: The ordered interactions.
        within: What makes a group; ``none`` makes none.
        session_gap: Seconds; a longer pause begins another session.
    """
    gaps, users = np.diff(data.times), data.users
    one_user = users[1:] == users[:-1]
    if within == "none":
        return np.zeros_like(one_user)
    if within == "all":
        return one_user
    return one_user & (gaps <= (0 if within == "seconds" else session_gap))


def shuffled(
    data: Interactions, movable: np.ndarray, within: Shuffle, *, session_gap: int, seed: int
) -> Interactions:
    """Exchanges items (with their ratings) inside groups of a history; the time stamps stay where they are.

    Args:
        data: The ordered interactions.
        movable: ``(N,) bool`` rows that may be moved; the others, such as held-out items, stay in place.
        within: ``seconds``, ``sessions`` or ``all``: what makes a group.
        session_gap: Seconds; a longer pause begins another session.
        seed: Of the draw.
    """
    joined = same_group(data, within, session_gap) & movable[1:] & movable[:-1]
    group = np.concatenate([[0], np.cumsum(~joined)])
    draws = np.random.default_rng(seed).random(len(data))
    order = np.lexsort((draws, group))
    return replace(data, items=data.items[order], ratings=data.ratings[order])
