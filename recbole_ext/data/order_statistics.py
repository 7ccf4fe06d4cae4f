"""What the time stamps of a data set say about its order, before any model is trained."""

from __future__ import annotations

import numpy as np
import polars as pl

from recbole_ext.data.interactions import TEST, Interactions, Split
from recbole_ext.data.shuffle import same_group

__all__ = ["order_statistics", "target_is_tied"]

_MINUTE = 60


def order_statistics(split: Split, session_gap: int) -> dict[str, float | None]:
    """Describes gaps, sessions and traces of a presenting site's own order.

    Args:
        split: The data set.
        session_gap: Seconds; a longer pause begins another session.

    Returns:
        - ``equal_seconds``, ``below_a_minute``: share of the steps from one interaction of a user to the next.
        - ``sessions_a_user``: median. ``users_with_one_session``: share.
        - ``tied_targets``: share of the test users whose first held-out item has the time stamp of the item before.
        - ``ascending_ids``: share of the steps within one second that go to a larger item id (one half by chance); None
          where ids are no numbers or no step is within one second.
        - ``id_correlation``: Spearman's correlation of place and item id, mean over users; None where ids are no
          numbers.
        - ``popularity_correlation``: the same with the item's earlier interactions of everybody.
    """
    data = split.interactions
    one_user = same_group(data, "all", session_gap)
    gaps = np.diff(data.times)[one_user]
    breaks = one_user & ~same_group(data, "sessions", session_gap)
    sessions = 1 + np.bincount(data.users[1:][breaks], minlength=data.n_users)[1:]
    numbers = pl.Series(data.item_tokens[1:].astype(str)).cast(pl.Int64, strict=False)
    ids = None if numbers.null_count() else np.concatenate([[0], numbers.to_numpy()])[data.items]
    return {
        "equal_seconds": float((gaps == 0).mean()),
        "below_a_minute": float((gaps < _MINUTE).mean()),
        "sessions_a_user": float(np.median(sessions)),
        "users_with_one_session": float((sessions == 1).mean()),
        "tied_targets": float(target_is_tied(split).mean()),
        "ascending_ids": None if ids is None else _ascending(ids, same_group(data, "seconds", session_gap)),
        "id_correlation": None if ids is None else _correlation(data, ids),
        "popularity_correlation": _correlation(data, _earlier(data)),
    }


def target_is_tied(split: Split) -> np.ndarray:
    """``(U,) bool`` whether a test user's first held-out item has the time stamp of the item before it.

    Users in the order of :meth:`~recbole_ext.data.interactions.Split.evaluated_users`.
    """
    first = split.targets(TEST)[0][split.evaluated_users(TEST)]
    times = split.interactions.times
    return np.asarray(times[first] == times[first - 1])


def _ascending(ids: np.ndarray, tied: np.ndarray) -> float | None:
    return float((np.diff(ids)[tied] > 0).mean()) if tied.any() else None


def _earlier(data: Interactions) -> np.ndarray:
    """``(N,) int64`` interactions of the same item, by anybody, with an earlier time stamp."""
    order = np.lexsort((data.times, data.items))
    items, times = data.items[order], data.times[order]
    start = np.searchsorted(items, items)
    new = np.append(True, (items[1:] != items[:-1]) | (times[1:] != times[:-1]))
    first = np.maximum.accumulate(np.where(new, np.arange(len(items)), 0))
    earlier = np.empty(len(items), dtype=np.int64)
    earlier[order] = first - start
    return earlier


def _correlation(data: Interactions, values: np.ndarray) -> float | None:
    """Spearman's correlation of place and value inside a history, mean over the users for whom it exists."""
    frame = pl.DataFrame({"user": data.users, "value": values}).with_columns(
        place=pl.int_range(pl.len()).over("user"), value=pl.col("value").rank("average").over("user")
    )
    found = frame.group_by("user").agg(r=pl.corr("place", "value"))["r"].fill_nan(None).drop_nulls()
    return float(np.asarray(found.sort()).mean()) if len(found) else None
