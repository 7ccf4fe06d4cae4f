"""Random problems and plain per-user versions of the rules, shared by the tests of the re-rankers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from recbole_ext.rerank import Candidates, ItemInformation, SideInformation, UserHistories

N_ITEMS = 25


def random_problem(
    seed: int, users: int = 5, depth: int = 12, shortest: int = 6
) -> tuple[Candidates, SideInformation]:
    """Candidates of different lengths with many tied scores; some items without genres, some users without history."""
    rng = np.random.default_rng(seed)
    items = np.zeros((users, depth), dtype=np.int64)
    scores = np.full((users, depth), -np.inf)
    for row in range(users):
        length = int(rng.integers(shortest, depth + 1))
        items[row, :length] = rng.permutation(N_ITEMS - 1)[:length] + 1
        scores[row, :length] = -np.sort(-rng.integers(0, 8, length) / 4.0)
    popularity = rng.integers(0, 40, N_ITEMS)
    head = popularity > 20
    genres = np.asarray((rng.random((N_ITEMS, 4)) < 0.4) * rng.integers(1, 3, (N_ITEMS, 1)), dtype=np.float64)
    groups = np.digitize(popularity, [10, 25])
    lengths = rng.integers(0, 4, users)
    history = rng.integers(1, N_ITEMS, int(lengths.sum()))
    side = SideInformation(
        ItemInformation(popularity, head, groups=groups if seed % 2 else None, genres=genres),
        UserHistories(np.r_[0, np.cumsum(lengths)], history),
    )
    return Candidates(items, scores), side


def take_rows(
    candidates: Candidates, side: SideInformation, rows: Sequence[int]
) -> tuple[Candidates, SideInformation]:
    """The same problem with other user rows."""
    assert side.users is not None
    parts = [side.users.items[side.users.indptr[u] : side.users.indptr[u + 1]] for u in rows]
    users = UserHistories(
        np.cumsum([0, *map(len, parts)]), np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    )
    index = list(rows)
    return Candidates(candidates.items[index], candidates.scores[index]), SideInformation(side.items, users)


def plain_scaled(scores: Sequence[float]) -> list[float]:
    """Min-max scaling of one user's scores; zeros where they are equal."""
    low, high = min(scores), max(scores)
    return [(x - low) / (high - low) if high > low else 0.0 for x in scores]


def plain_p(popularity: Sequence[int], item: int) -> float:
    """p = log(1+φ) / log(1+max φ)."""
    highest = max(popularity[1:])
    return math.log(1 + popularity[item]) / math.log(1 + highest) if highest else 0.0


def plain_profile(side: SideInformation, user: int, shares: Callable[[int], list[float]]) -> list[float]:
    """Mean of ``shares`` over one user's history, or over all interactions, or uniform."""
    assert side.users is not None
    history = side.users.items[side.users.indptr[user] : side.users.indptr[user + 1]].tolist()
    weighted = [(shares(item), 1.0) for item in history]
    if not weighted:
        popularity = side.items.popularity.tolist()
        weighted = [(shares(item), popularity[item]) for item in range(1, len(popularity))]
    total = sum(weight for _, weight in weighted)
    size = len(weighted[0][0])
    if not total:
        return [1 / size] * size
    return [sum(weight * share[c] for share, weight in weighted) / total for c in range(size)]


def check_greedy(
    candidates: Candidates,
    items: np.ndarray,
    values: np.ndarray,
    value_of: Callable[[int, int, float, list[int]], float],
) -> None:
    """Replays every list: each item was, when taken, the best by the plain rule, and has the plain rule's value.

    Near ties (1e-9) may go either way, because sums are added up in another order. ``value_of`` gets user, item,
    s and the list so far.
    """
    for user in range(candidates.n_users):
        length = int((candidates.items[user] > 0).sum())
        pool = candidates.items[user, :length].tolist()
        s = dict(zip(pool, plain_scaled(candidates.scores[user, :length].tolist()), strict=True))
        listed: list[int] = []
        for item, value in zip(items[user].tolist(), values[user].tolist(), strict=True):
            left = {i: value_of(user, i, s[i], listed) for i in pool if i not in listed}
            assert item in left
            assert math.isclose(left[item], value, abs_tol=1e-9)
            assert left[item] >= max(left.values()) - 1e-9
            listed.append(item)
