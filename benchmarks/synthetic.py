"""A data set of a given size with long-tailed users and items."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["interactions", "write"]


def interactions(
    n_users: int, n_items: int, n_interactions: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs ``(N,)`` of user and item, both from 0, each user's together.

    Users' activity is log-normal; items are drawn without replacement by popularity, rank^-0.8, with the Gumbel
    trick (Vieira 2014).
    """
    random = np.random.default_rng(seed)
    activity = random.lognormal(0, 1, n_users)
    activity = np.clip(activity / activity.sum() * n_interactions, 5, n_items // 4).astype(int)
    popularity = -0.8 * np.log(random.permutation(n_items) + 1)
    chosen = [np.argpartition(-popularity - random.gumbel(size=n_items), count)[:count] for count in activity]
    return np.repeat(np.arange(n_users), activity), np.concatenate(chosen)


def write(folder: Path, n_users: int, n_items: int, n_interactions: int) -> None:
    """An atomic file; a user's interactions are a second apart, as RecBole's times of 32 bits need it."""
    users, items = interactions(n_users, n_items, n_interactions)
    folder.mkdir(parents=True)
    first = np.repeat(np.flatnonzero(np.diff(users, prepend=-1)), np.bincount(users))
    rows = zip(users, items, np.arange(len(users)) - first, strict=True)
    with (folder / f"{folder.name}.inter").open("w", encoding="utf-8") as file:
        file.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
        file.writelines(f"u{user}\ti{item}\t4\t{time}\n" for user, item, time in rows)
