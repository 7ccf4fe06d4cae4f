"""Splits that are drawn: folds of each user's interactions, items that nobody had before, users whom nobody met before.

Drawn once and for all: every model, every seed and every machine gets the same parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.errors import ConfigError

__all__ = [
    "DRAWN",
    "GIVEN",
    "TEST",
    "TRAIN",
    "VALID",
    "SplitDraw",
    "cold_item_phases",
    "cold_user_phases",
    "draw_of",
    "fold_phases",
]

GIVEN, TRAIN, VALID, TEST = -1, 0, 1, 2
"""Phases of an interaction. ``GIVEN``: history of a user who is not trained on; it is neither learnt nor held out."""

DRAWN = ("k_fold", "cold_items", "cold_users")
"""Splits of this module."""


@dataclass(frozen=True)
class SplitDraw:
    """What a drawn split needs beside its shares.

    Attributes:
        folds: Parts of ``k_fold``, at least 3.
        fold: From 1 on; the part held out for the test. The next one (after the last, the first) is for validation.
        cold_history: Items of a cold user that are given as history.
        seed: Of the draw.
    """

    folds: int = 5
    fold: int = 1
    cold_history: int = 5
    seed: int = 0


def draw_of(config: Any) -> SplitDraw:
    """The draw of a configuration; runs of earlier versions know of none."""
    # RecBole's configuration has no get.
    if "split_seed" not in config:
        return SplitDraw()
    return SplitDraw(config["folds"], config["fold"], config["cold_history"], config["split_seed"])


def fold_phases(indptr: np.ndarray, items: np.ndarray, draw: SplitDraw) -> np.ndarray:
    """Deals each user's interactions to the folds, as evenly as their number allows.

    A user with fewer than three interactions is trained on and never tested. Which fold gets one more than another is
    drawn for each user, so that no fold is larger than the others.

    Args:
        indptr: ``(n_users + 1,) int64`` offsets of the users.
        items: ``(N,)`` internal item ids. The draw rests on them and not on the order of equal time stamps.
        draw: Folds, fold and seed.

    Returns:
        ``(N,) int8`` phases.

    Raises:
        ConfigError: There are fewer than three folds, or no such fold.
    """
    if draw.folds < 3 or not 1 <= draw.fold <= draw.folds:
        raise ConfigError(
            f"fold is {draw.fold} of {draw.folds}: give 3 folds or more, one each for training, validation and test, "
            "and a fold from 1 to their number"
        )
    counts = np.diff(indptr)
    users = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng([draw.seed, draw.folds])
    first = rng.integers(0, draw.folds, len(counts))
    drawn = np.lexsort((items, users))
    dealt = drawn[np.lexsort((rng.random(len(items)), users[drawn]))]  # inside each user in random order
    place = np.arange(len(items)) - np.repeat(indptr[:-1], counts)
    fold = np.empty(len(items), dtype=np.int64)
    fold[dealt] = (place + first[users]) % draw.folds
    later = (fold - (draw.fold - 1)) % draw.folds  # 0 for the fold of the test, 1 for the next one
    phase = np.where(later == 0, TEST, np.where(later == 1, VALID, TRAIN))
    return np.where(counts[users] < 3, TRAIN, phase).astype(np.int8)


def _parts(n: int, ratio: list[float], rng: np.random.Generator) -> np.ndarray:
    """``(n,) int8`` phase of each of n things, by their shares; a part is rounded down, training gets the rest."""
    share = np.asarray(ratio, dtype=float) / sum(ratio)
    test, valid = (int(n * share[part] + 1e-9) for part in (2, 1))
    phase = np.full(n, TRAIN, dtype=np.int8)
    order = rng.permutation(n)
    phase[order[:test]], phase[order[test : test + valid]] = TEST, VALID
    return phase


def cold_item_phases(items: np.ndarray, n_items: int, ratio: list[float], draw: SplitDraw) -> np.ndarray:
    """Deals the items, and each interaction with its item: nobody had those of validation and test in training.

    Args:
        items: ``(N,)`` internal item ids.
        n_items: With padding.
        ratio: Shares of the items in training, validation and test.
        draw: The seed.

    Returns:
        ``(N,) int8`` phases.
    """
    of_item = np.concatenate([[TRAIN], _parts(n_items - 1, ratio, np.random.default_rng([draw.seed, 1]))])
    return np.asarray(of_item[items], dtype=np.int8)


def cold_user_phases(indptr: np.ndarray, ratio: list[float], draw: SplitDraw) -> np.ndarray:
    """Deals the users: of those of validation and test, the first items are given and the others are held out.

    Drawn are users with more interactions than are given; the others are trained on.

    Args:
        indptr: ``(n_users + 1,) int64`` offsets of the users.
        ratio: Shares of all users in training, validation and test.
        draw: ``cold_history`` and the seed.

    Returns:
        ``(N,) int8`` phases.
    """
    counts = np.diff(indptr)
    long = np.flatnonzero(counts > draw.cold_history)
    share = np.asarray(ratio, dtype=float) / sum(ratio)
    wanted = [int((counts > 0).sum() * share[part] + 1e-9) for part in (2, 1)]
    order = np.random.default_rng([draw.seed, 2]).permutation(len(long))
    of_user = np.full(len(counts), TRAIN, dtype=np.int8)
    of_user[long[order[: wanted[0]]]] = TEST
    of_user[long[order[wanted[0] : sum(wanted)]]] = VALID
    phase = np.repeat(of_user, counts)
    place = np.arange(int(counts.sum())) - np.repeat(indptr[:-1], counts)
    return np.where((phase != TRAIN) & (place < draw.cold_history), GIVEN, phase).astype(np.int8)
