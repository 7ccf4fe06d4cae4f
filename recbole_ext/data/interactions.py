"""Interactions as a compressed row structure: read, filtered, ordered and split without a loop over rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recbole_ext.errors import ConfigError, DataError

__all__ = ["TEST", "TRAIN", "VALID", "Interactions", "Split", "read_interactions", "split_interactions"]

TRAIN, VALID, TEST = 0, 1, 2


@dataclass(frozen=True)
class Interactions:
    """All interactions that passed the filters, by user, then exact time, then the tie-break.

    Attributes:
        user_tokens: ``(n_users,) str``, index 0 is ``[PAD]``.
        item_tokens: ``(n_items,) str``, index 0 is ``[PAD]``.
        indptr: ``(n_users + 1,) int64``; user u owns the rows ``indptr[u]:indptr[u + 1]``, user 0 none.
        items: ``(N,) int32`` internal item ids.
        times: ``(N,) int64`` seconds, exact.
        ratings: ``(N,) float32`` in the unit of the source.
        dropped: Interactions that the filters removed.
    """

    user_tokens: np.ndarray
    item_tokens: np.ndarray
    indptr: np.ndarray
    items: np.ndarray
    times: np.ndarray
    ratings: np.ndarray
    dropped: int = 0

    @property
    def n_users(self) -> int:
        """Users with the padding user."""
        return len(self.user_tokens)

    @property
    def n_items(self) -> int:
        """Items with the padding item."""
        return len(self.item_tokens)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def users(self) -> np.ndarray:
        """``(N,) int64`` internal user id of each row."""
        return np.repeat(np.arange(self.n_users), np.diff(self.indptr))


@dataclass(frozen=True)
class Split:
    """Which phase each interaction belongs to.

    Attributes:
        interactions: The interactions, all phases.
        phase: ``(N,) int8``: 0 train, 1 validation, 2 test. Inside a user it never decreases.
        tie_share: Share of users whose held-out items depend on the tie-break.
    """

    interactions: Interactions
    phase: np.ndarray
    tie_share: float

    def rows(self, phase: int) -> np.ndarray:
        """``(n,) int64`` rows of a phase, in order."""
        return np.flatnonzero(self.phase == phase)

    def before(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's rows that precede a phase, as ``(start, stop)``, both ``(n_users,) int64``."""
        start = self.interactions.indptr[:-1]
        earlier = np.concatenate([[0], np.cumsum(self.phase < phase)])
        return start, start + earlier[self.interactions.indptr[1:]] - earlier[start]

    def train_counts(self) -> np.ndarray:
        """``(n_items,) int64`` training interactions of each item."""
        items = self.interactions.items[self.phase == TRAIN]
        return np.bincount(items, minlength=self.interactions.n_items)


def _column_names(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no UTF-8 text ({error.reason}): convert it, or prepare it again"
        ) from None
    if not header:
        raise DataError(f"{path} is empty: prepare the data set again")
    return {column.split(":")[0]: column for column in header.split("\t")}


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(f"{path} does not exist: run 'prepare' first, or name its folder with --data_path")
    names = _column_names(path)
    missing = {"user_id", "item_id", "timestamp"} - set(names)
    if missing:
        raise DataError(f"{path} has no column {sorted(missing)[0]!r} in line 1: an .inter file needs it")
    wanted = [name for name in ("user_id", "item_id", "rating", "timestamp") if name in names]
    lazy = pl.scan_csv(
        path, separator="\t", infer_schema=False, quote_char=None, truncate_ragged_lines=False
    ).select(pl.col(names[name]).alias(name) for name in wanted)
    try:
        frame = lazy.with_row_index("row").collect()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} cannot be read as tab-separated columns: {error}") from error
    return _checked(frame, path)


def _checked(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Numbers parsed exactly; the first offending line is named."""
    if frame.is_empty():
        raise DataError(f"{path} has a header and no interaction: prepare the data set again")
    time = pl.col("timestamp").cast(pl.Int64, strict=False)
    whole = pl.col("timestamp").cast(pl.Float64, strict=False)
    exact = pl.coalesce(time, pl.when(whole == whole.round(0)).then(whole.cast(pl.Int64, strict=False)))
    rating = pl.col("rating").cast(pl.Float32, strict=False) if "rating" in frame.columns else pl.lit(1.0)
    parsed = frame.with_columns(exact.alias("time"), rating.cast(pl.Float32).alias("value"))
    for source, target, what in (
        ("timestamp", "time", "a whole number of seconds"),
        ("rating", "value", "a number"),
        ("user_id", "user_id", "a user's token"),
        ("item_id", "item_id", "an item's token"),
    ):
        bad = pl.col(target).is_null()
        if target == "value":
            bad = bad | pl.col(target).is_nan()
        rows = parsed.filter(bad).select("row", *([source] if source in frame.columns else [])).head(1)
        if len(rows):
            line, found = rows["row"][0] + 2, rows[source][0] if source in rows.columns else None
            raise DataError(f"{path}, line {line}: {source} is {found!r}, not {what}: correct the line")
    return parsed.select("row", "user_id", "item_id", rating="value", timestamp="time")


def _core(users: np.ndarray, items: np.ndarray, min_user: int, min_item: int) -> np.ndarray:
    """Boolean mask of the k-core: repeated until every user and every item has enough interactions."""
    keep = np.ones(len(users), dtype=bool)
    while True:
        by_user = np.bincount(users[keep], minlength=users.max() + 1)
        by_item = np.bincount(items[keep], minlength=items.max() + 1)
        still = keep & (by_user[users] >= min_user) & (by_item[items] >= min_item)
        if still.sum() == keep.sum():
            return keep
        keep = still
        if not keep.any():
            return keep


def _codes(column: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Integer code of each row and the sorted tokens: as numbers where all are, else as text."""
    tokens = column.unique()
    number = tokens.cast(pl.Int64, strict=False)
    tokens = tokens.gather(number.arg_sort()) if number.null_count() == 0 else tokens.sort()
    codes = column.cast(pl.Enum(tokens)).to_physical().to_numpy().astype(np.int64)
    return codes, tokens.to_numpy().astype(object)


def _compact(codes: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids 1..n for the codes that are left, 0 kept for padding."""
    present = np.bincount(codes, minlength=len(tokens)) > 0
    ids = np.cumsum(present)
    return ids[codes], np.concatenate([np.array(["[PAD]"], dtype=object), tokens[present]])


def read_interactions(
    path: Path,
    *,
    rating_threshold: float | None = None,
    min_user_interactions: int = 1,
    min_item_interactions: int = 1,
    tie_break: str = "file",
    seed: int = 0,
) -> Interactions:
    """Reads an ``.inter`` file, filters it and puts it into the exact order.

    Args:
        path: The atomic file; its line order is the tie-break ``file``.
        rating_threshold: Keep ``rating >= threshold``; None keeps all.
        min_user_interactions: k-core bound of the users.
        min_item_interactions: k-core bound of the items.
        tie_break: ``file`` or ``random`` (seeded), for equal time stamps of one user.
        seed: Seed of the random tie-break.

    Raises:
        DataError: The file is missing, empty or malformed, or the filters leave nobody.
        ConfigError: The tie-break is unknown.
    """
    if tie_break not in ("file", "random"):
        raise ConfigError(f"tie_break is {tie_break!r}: use 'file' or 'random'")
    frame = _read(path)
    total = len(frame)
    if rating_threshold is not None:
        frame = frame.filter(pl.col("rating") >= rating_threshold)
    if frame.is_empty():
        raise DataError(
            f"no interaction of {path} has a rating >= {rating_threshold}: lower rating_threshold"
        )
    user, user_tokens = _codes(frame["user_id"])
    item, item_tokens = _codes(frame["item_id"])
    keep = _core(user, item, min_user_interactions, min_item_interactions)
    if not keep.any():
        raise DataError(
            f"the filter users >= {min_user_interactions}, items >= {min_item_interactions} leaves nobody of "
            f"{path}: lower min_user_interactions or min_item_interactions"
        )
    user, user_tokens = _compact(user[keep], user_tokens)
    item, item_tokens = _compact(item[keep], item_tokens)
    times = frame["timestamp"].to_numpy()[keep]
    ratings = frame["rating"].to_numpy()[keep]
    tie = (
        np.random.default_rng(seed).permutation(len(user)) if tie_break == "random" else np.arange(len(user))
    )
    order = np.lexsort((tie, times, user))
    counts = np.bincount(user, minlength=len(user_tokens))
    return Interactions(
        user_tokens=user_tokens,
        item_tokens=item_tokens,
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        items=item[order].astype(np.int32),
        times=times[order],
        ratings=ratings[order],
        dropped=total - len(user),
    )


def _leave_one_out(data: Interactions) -> np.ndarray:
    """Last item test, last but one validation. Users with one or two interactions stay in training."""
    phase = np.zeros(len(data), dtype=np.int8)
    ends = data.indptr[1:][np.diff(data.indptr) >= 3]
    phase[ends - 1], phase[ends - 2] = TEST, VALID
    return phase


def _by_ratio(data: Interactions, ratio: list[float]) -> np.ndarray:
    """Each user's last parts, in time; a part is rounded down as RecBole does, training gets the rest."""
    counts = np.diff(data.indptr)
    share = np.asarray(ratio, dtype=float) / sum(ratio)
    test = np.floor(counts * share[2] + 1e-9).astype(np.int64)
    valid = np.floor(counts * share[1] + 1e-9).astype(np.int64)
    from_end = np.repeat(data.indptr[1:], counts) - np.arange(len(data))
    test_rows, valid_rows = np.repeat(test, counts), np.repeat(test + valid, counts)
    return np.where(from_end <= test_rows, TEST, np.where(from_end <= valid_rows, VALID, TRAIN)).astype(
        np.int8
    )


def _by_global_time(data: Interactions, ratio: list[float]) -> np.ndarray:
    """Two points in time cut all users alike; interactions at a cut point belong to the later part."""
    share = np.cumsum(np.asarray(ratio, dtype=float) / sum(ratio))[:2]
    ordered = np.sort(data.times)
    cuts = ordered[np.minimum((share * len(ordered)).astype(np.int64), len(ordered) - 1)]
    return np.searchsorted(cuts, data.times, side="right").astype(np.int8)


def _tie_share(data: Interactions, phase: np.ndarray) -> float:
    """Users with two equal time stamps on both sides of a phase border, over users with a held-out item."""
    users = data.users
    held_out = np.unique(users[phase > TRAIN])
    if len(held_out) == 0:
        return 0.0
    same = (users[1:] == users[:-1]) & (data.times[1:] == data.times[:-1]) & (phase[1:] != phase[:-1])
    return len(np.unique(users[1:][same])) / len(held_out)


def split_interactions(data: Interactions, split: str, ratio: list[float] | None = None) -> Split:
    """Splits into training, validation and test.

    Args:
        data: The ordered interactions.
        split: ``leave_one_out``, ``ratio`` (per user) or ``global_time``.
        ratio: Shares of the three parts for the last two.

    Raises:
        ConfigError: The split or its ratio is not usable.
        DataError: Nothing is left to train on or to test.
    """
    if split == "leave_one_out":
        phase = _leave_one_out(data)
    elif split in ("ratio", "global_time"):
        if ratio is None or len(ratio) != 3 or min(ratio) < 0 or not ratio[0] > 0:
            raise ConfigError(f"split_ratio is {ratio!r}: give three shares such as [0.8, 0.1, 0.1]")
        phase = _by_ratio(data, ratio) if split == "ratio" else _by_global_time(data, ratio)
    else:
        raise ConfigError(f"split is {split!r}: use leave_one_out, ratio or global_time")
    for part, name in ((TRAIN, "training"), (VALID, "validation"), (TEST, "test")):
        if not (phase == part).any():
            raise DataError(
                f"the split {split!r} leaves no {name} interaction: too few interactions a user (three are "
                "needed by leave_one_out), or change split or split_ratio"
            )
    return Split(interactions=data, phase=phase, tie_share=_tie_share(data, phase))
