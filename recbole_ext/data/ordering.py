"""The order of interactions: user, exact integer timestamp, tie-break."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

__all__ = ["TieBreak", "duplicate_row", "order_interactions", "tie_share", "token_ranks"]

TieBreak = Literal["file", "random"]


def order_interactions(frame: pl.DataFrame, tie_break: TieBreak = "file", seed: int = 2020) -> pl.DataFrame:
    """Sort interactions by user, time stamp and tie-break.

    Args:
        frame: Columns ``user_id``, ``timestamp`` and others, in the order of the source file.
        tie_break: ``file`` keeps the source's order among equal time stamps of a user, ``random``
            shuffles them.
        seed: Seed of the shuffle.

    Returns:
        The same rows; users in numeric order if all are numbers, else in the order of their text.
    """
    keys: list[pl.Expr] = [pl.col("user_id")]
    if frame["user_id"].dtype == pl.String and frame["user_id"].str.contains(r"^\d+$").all():
        # Numbers too large for a machine word are compared by length first.
        keys.insert(0, pl.col("user_id").str.len_bytes())
    keys.append(pl.col("timestamp"))
    if tie_break == "random":
        draws = np.random.default_rng(seed).random(frame.height, dtype=np.float32)
        return (
            frame.with_columns(pl.Series("draw", draws)).sort(*keys, "draw", maintain_order=True).drop("draw")
        )
    key = _one_key(frame)
    if key is not None:
        return frame[np.argsort(key, kind="stable")]
    return frame.sort(keys, maintain_order=True)


def token_ranks(tokens: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """The order of tokens: as numbers if all are numbers, else as text.

    Args:
        tokens: ``(n,)`` text without repetition.

    Returns:
        ``(n,) uint32`` place of each token, and the tokens in order.
    """
    keys: list[pl.Expr] = [pl.col("token")]
    if tokens.str.contains(r"^\d+$").all():
        keys.insert(0, pl.col("token").str.len_bytes())
    found = pl.DataFrame({"token": tokens}).with_row_index("code").sort(keys)
    place = np.empty(len(tokens), dtype=np.uint32)
    place[found["code"].to_numpy()] = np.arange(len(tokens), dtype=np.uint32)
    return place, found["token"]


def _one_key(frame: pl.DataFrame) -> np.ndarray | None:
    """``(N,) int64`` keys that sort like (user, timestamp) in half the time; None if they do not fit into 64 bits."""
    if frame["user_id"].dtype != pl.UInt32 or frame["timestamp"].dtype != pl.Int64 or frame.is_empty():
        return None
    times, users = frame["timestamp"].to_numpy(), frame["user_id"].to_numpy()
    first = int(times.min())
    span = int(times.max()) - first + 1
    if (int(users.max()) + 1) * span >= 2**63:
        return None
    key = users.astype(np.int64)
    key *= span
    key += times
    key -= first
    return key


def duplicate_row(ordered: pl.DataFrame) -> tuple[str, str, int] | None:
    """The first (user, item, time stamp) that occurs more than once.

    Args:
        ordered: Interactions in the order of :func:`order_interactions`.

    Returns:
        The key of a duplicate row, ``None`` where there is none.
    """
    user, time = pl.col("user_id"), pl.col("timestamp")
    starts = ((user != user.shift()) | (time != time.shift())).fill_null(True)
    # Duplicates lie inside a run of equal user and time: one integer per (run, item) decides cheaply.
    item = pl.col("item_id")
    code = item if ordered["item_id"].dtype != pl.String else item.rank("dense")
    keys = ordered.select(
        (starts.cum_sum().cast(pl.UInt64) * 2**32 + code.cast(pl.UInt64)).alias("key"),
        tied=~starts | ~starts.shift(-1, fill_value=True),
    )
    tied = keys.filter("tied")["key"].sort()
    repeated = tied.filter(tied == tied.shift())
    if repeated.is_empty():
        return None
    row = ordered.row(keys["key"].index_of(repeated[0]), named=True)  # type: ignore[arg-type]
    return str(row["user_id"]), str(row["item_id"]), int(row["timestamp"])


def tie_share(ordered: pl.DataFrame) -> float:
    """Share of users whose held-out items depend on the tie-break.

    Held out are the last item (test) and the last but one (validation). They depend on the tie-break where
    the last two share a time stamp, or the last but one shares it with the one before.

    Args:
        ordered: Interactions in the order of :func:`order_interactions`.

    Returns:
        Between 0 and 1.
    """
    runs = ordered["user_id"].rle_id().to_numpy()
    times = ordered["timestamp"].to_numpy()
    last = np.flatnonzero(np.append(runs[1:] != runs[:-1], True))
    depends = np.zeros(len(last), dtype=bool)
    for back in (1, 2):
        earlier, later = last - back, last - back + 1
        # A negative position would wrap round to another user's rows.
        inside = earlier >= 0
        earlier, later = np.maximum(earlier, 0), np.maximum(later, 0)
        depends |= inside & (runs[earlier] == runs[last]) & (times[earlier] == times[later])
    return float(depends.mean())
