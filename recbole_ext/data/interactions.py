"""Interactions as a compressed row structure: read, filtered, ordered and split without a loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from recbole_ext.data.atomic_cache import read_columns
from recbole_ext.data.core import CoreCounts, core_of
from recbole_ext.data.drawn import (
    DRAWN,
    TEST,
    TRAIN,
    VALID,
    SplitDraw,
    cold_item_phases,
    cold_user_phases,
    draw_of,
    fold_phases,
)
from recbole_ext.data.shuffle import shuffle_of, shuffled
from recbole_ext.errors import ConfigError, DataError

__all__ = [
    "TEST",
    "TRAIN",
    "VALID",
    "Interactions",
    "Split",
    "Targets",
    "history_shuffled",
    "interactions_of",
    "read_interactions",
    "split_interactions",
    "split_of",
]

Targets = Literal["all", "last", "first", "random"]
"""Which of a user's interactions of a phase are held out; the others of the phase are no targets."""

# Not the seed of a run: every model and every seed of a study is asked for the same items.
_TARGET_SEED = 0


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
        core: What the k-core removed; None where none was asked for.
        phase: ``(N,) int8`` phase of each row, where a split was drawn that has the rows of a user in the order of
            their phases, and only then of their times; None where the rows are in the order of time alone.
    """

    user_tokens: np.ndarray
    item_tokens: np.ndarray
    indptr: np.ndarray
    items: np.ndarray
    times: np.ndarray
    ratings: np.ndarray
    dropped: int = 0
    core: CoreCounts | None = None
    phase: np.ndarray | None = None

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
        phase: ``(N,) int8``: 0 train, 1 validation, 2 test, -1 given (:mod:`recbole_ext.data.drawn`). Inside a user it
            never decreases.
        tie_share: Share of users whose held-out items depend on the tie-break.
        kept: Which interactions of a phase are targets: ``all``, or one of each user ("Time to split", Gusak et al.
            2025): ``last``, ``first`` or ``random``, drawn once and for all.
    """

    interactions: Interactions
    phase: np.ndarray
    tie_share: float
    kept: Targets = "all"
    _stops: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, phase: int) -> np.ndarray:
        """``(n,) int64`` rows of a phase, in order."""
        return np.flatnonzero(self.phase == phase)

    def before(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's rows that precede a phase, as ``(start, stop)``, both ``(n_users,) int64``."""
        start = self.interactions.indptr[:-1]
        if phase not in self._stops:
            # Asked for many times, and a pass over all rows.
            earlier = np.concatenate([[0], np.cumsum(self.phase < phase)])
            self._stops[phase] = start + earlier[self.interactions.indptr[1:]] - earlier[start]
        return start, self._stops[phase]

    def period(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's rows of a phase, as ``(start, stop)``, both ``(n_users,) int64``."""
        return self.before(phase)[1], self.before(phase + 1)[1]

    def targets(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's held-out rows of a phase, as ``(start, stop)``, both ``(n_users,) int64``."""
        start, stop = self.period(phase)
        if self.kept == "all":
            return start, stop
        some = stop > start
        if self.kept == "random":
            draws = np.random.default_rng([_TARGET_SEED, phase])
            start = draws.integers(start, np.maximum(stop, start + 1))
        elif self.kept == "last":
            start = np.where(some, stop - 1, start)
        return start, start + some

    def history(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's rows that precede the held-out ones of a phase, as ``(start, stop)``, both ``(n_users,) int64``.

        With one target, that is all training and every earlier interaction of the same phase.
        """
        return self.interactions.indptr[:-1], self.targets(phase)[0]

    def users_with_targets(self, phase: int) -> np.ndarray:
        """``(n,) int64`` users with an item held out in a phase, whether or not they have a history."""
        start, stop = self.targets(phase)
        return np.flatnonzero(stop > start)

    def read(self, phase: int) -> tuple[np.ndarray, np.ndarray]:
        """Each user's rows that a model may read in a phase, as ``(start, stop)``, both ``(n_users,) int64``.

        The history, but where phases are not periods of time: there, the items of validation are neither before nor
        after those of the test, and no model reads them.
        """
        return self.history(phase) if self.interactions.phase is None else self.before(VALID)

    def evaluated_users(self, phase: int) -> np.ndarray:
        """``(U,) int64`` users with an item held out in a phase and at least one interaction to rank from."""
        users = self.users_with_targets(phase)
        start, stop = self.read(phase)
        return users[(stop > start)[users]]

    def cold_users(self, phase: int) -> np.ndarray:
        """``(n,) int64`` users with an item held out in a phase, and none in training or an earlier phase."""
        users = self.users_with_targets(phase)
        start, stop = self.before(TRAIN)[1], self.before(phase)[1]
        return users[(stop == start)[users]]

    def target_rows(self, phase: int) -> np.ndarray:
        """``(n,) int64`` held-out rows of a phase."""
        start, stop = self.targets(phase)
        edges = np.zeros(len(self.phase) + 1, dtype=np.int64)
        np.add.at(edges, start, 1)
        np.add.at(edges, stop, -1)
        return np.flatnonzero(np.cumsum(edges)[:-1])

    def train_counts(self) -> np.ndarray:
        """``(n_items,) int64`` training interactions of each item."""
        items = self.interactions.items[self.phase == TRAIN]
        return np.bincount(items, minlength=self.interactions.n_items)


def _ranks(codes: np.ndarray, tokens: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Tokens that occur, sorted as numbers where all of them are, else as text, and the place of each code among them.

    Returns:
        ``(len(tokens),) int32`` place by code, -1 for a token without interaction, and ``(n,) str`` sorted tokens.
    """
    present = np.flatnonzero(np.bincount(codes, minlength=len(tokens)))
    found = pl.DataFrame({"code": present, "token": tokens.gather(present)})
    number = found["token"].cast(pl.Int64, strict=False)
    by = ["number", "token"] if number.null_count() == 0 else ["token"]
    found = found.with_columns(number=number).sort(by)
    place = np.full(len(tokens), -1, dtype=np.int32)
    place[found["code"].to_numpy()] = np.arange(len(found), dtype=np.int32)
    return place, found["token"].to_numpy().astype(object)


def _ids(codes: np.ndarray, tokens: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids 1..n ``(N,) int32`` of the codes that are left, and their tokens behind that of padding."""
    present = np.zeros(len(tokens), dtype=bool)
    present[place[np.flatnonzero(np.bincount(codes, minlength=len(place)))]] = True
    ids = np.cumsum(present, dtype=np.int32)
    return ids[place][codes], np.concatenate([np.array(["[PAD]"], dtype=object), tokens[present]])


def _order(users: np.ndarray, times: np.ndarray, tie_break: str, seed: int) -> np.ndarray | None:
    """Rows by user, time and tie-break, ``(N,) int64``; None where they lie so already."""
    later = (users[1:] > users[:-1]) | ((users[1:] == users[:-1]) & (times[1:] >= times[:-1]))
    order = None if later.all() else np.lexsort((times, users))
    if tie_break != "random":
        return order
    draws = np.random.default_rng(seed).permutation(len(users))
    order = np.arange(len(users)) if order is None else order
    users, times = users[order], times[order]
    same = np.append((users[1:] == users[:-1]) & (times[1:] == times[:-1]), False)
    # Only rows inside a run of equal user and time can change places, and only within it.
    tied = np.flatnonzero(same | np.append(False, same[:-1]))
    run = np.cumsum(~np.append(False, same[:-1]))[tied]
    rows = order[tied]
    order[tied] = rows[np.lexsort((draws[rows], run))]
    return order


def read_interactions(
    path: Path,
    *,
    rating_threshold: float | None = None,
    min_user_interactions: int = 1,
    min_item_interactions: int = 1,
    tie_break: str = "file",
    seed: int = 0,
) -> Interactions:
    """Reads an ``.inter`` file or its column cache, filters it and puts it into the exact order.

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
    columns = read_columns(path)
    total = len(columns)
    if rating_threshold is not None:
        columns = columns.rows(columns.ratings >= np.float32(rating_threshold))
    if not len(columns):
        raise DataError(
            f"no interaction of {path} has a rating >= {rating_threshold}: lower rating_threshold"
        )
    user_place, user_tokens = _ranks(columns.users, columns.user_tokens)
    item_place, item_tokens = _ranks(columns.items, columns.item_tokens)
    core = core_of(columns.users, columns.items, min_user_interactions, min_item_interactions)
    if not core.keep.any():
        raise DataError(
            f"the filter users >= {min_user_interactions}, items >= {min_item_interactions} leaves nobody of "
            f"{path}: lower min_user_interactions or min_item_interactions"
        )
    if not core.keep.all():
        columns = columns.rows(core.keep)
    users, user_tokens = _ids(columns.users, user_tokens, user_place)
    items, item_tokens = _ids(columns.items, item_tokens, item_place)
    order = _order(users, columns.times, tie_break, seed)
    counts = np.bincount(users, minlength=len(user_tokens))
    return Interactions(
        user_tokens=user_tokens,
        item_tokens=item_tokens,
        indptr=np.concatenate([[0], np.cumsum(counts)]),
        items=items if order is None else items[order],
        times=np.array(columns.times) if order is None else columns.times[order],
        ratings=np.array(columns.ratings) if order is None else columns.ratings[order],
        dropped=total - len(users),
        core=core.removed if max(min_user_interactions, min_item_interactions) > 1 else None,
    )


def interactions_of(config: Any, path: Path) -> Interactions:
    """:func:`read_interactions` with the filters, the tie-break, the drawn split and the shuffle of a configuration.

    A shuffle moves training interactions only: each user's held-out items stay what they are. The rows of a user are
    in the order of their phases where these are drawn and are no periods of time.

    Args:
        config: The merged configuration, or the content of a run's ``config.yaml``.
        path: The atomic file.

    Raises:
        DataError, ConfigError: As :func:`read_interactions`.
    """
    data = read_interactions(
        path,
        rating_threshold=config["rating_threshold"],
        min_user_interactions=config["min_user_interactions"],
        min_item_interactions=config["min_item_interactions"],
        tie_break=config["tie_break"],
        seed=config["seed"],
    )
    if config["split"] in DRAWN:
        data = _in_phases(data, config["split"], config["split_ratio"], draw_of(config))
    if shuffle_of(config) == "none":
        return data
    return history_shuffled(config, data, split_of(config, data).phase == TRAIN)


def history_shuffled(config: Any, data: Interactions, movable: np.ndarray) -> Interactions:
    """The interactions with the shuffle of a configuration, of the rows ``(N,) bool`` that may be moved."""
    return shuffled(data, movable, shuffle_of(config), session_gap=config["session_gap"], seed=config["seed"])


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


def _time_points(data: Interactions, ratio: list[float]) -> np.ndarray:
    """``(2,) int64`` where validation and test begin: quantiles of the times of all interactions."""
    share = np.cumsum(np.asarray(ratio, dtype=float) / sum(ratio))[:2]
    ordered = np.sort(data.times)
    return ordered[np.minimum((share * len(ordered)).astype(np.int64), len(ordered) - 1)]


def _by_global_time(data: Interactions, points: np.ndarray) -> np.ndarray:
    """Two points in time cut all users alike; interactions at a cut point belong to the later part."""
    return np.searchsorted(points, data.times, side="right").astype(np.int8)


def _tie_share(data: Interactions, phase: np.ndarray) -> float:
    """Users with two equal time stamps on both sides of a phase border, over users with a held-out item."""
    users = data.users
    held_out = np.unique(users[phase > TRAIN])
    if len(held_out) == 0:
        return 0.0
    same = (users[1:] == users[:-1]) & (data.times[1:] == data.times[:-1]) & (phase[1:] != phase[:-1])
    return len(np.unique(users[1:][same])) / len(held_out)


def _tie_share_of_targets(split: Split) -> float:
    """Users one of whose targets shares its time stamp with a neighbour, over users with a held-out item."""
    data = split.interactions
    users = data.users
    rows = np.concatenate([split.target_rows(phase) for phase in (VALID, TEST)])
    same = (users[1:] == users[:-1]) & (data.times[1:] == data.times[:-1])
    tied = np.append(same, False) | np.append(False, same)
    return len(np.unique(users[rows[tied[rows]]])) / max(1, len(np.unique(users[rows])))


def _in_phases(data: Interactions, split: str, ratio: list[float], draw: SplitDraw) -> Interactions:
    """The interactions with their phases where these are no periods of time, each user's rows in order of both."""
    if split == "k_fold":
        phase = fold_phases(data.indptr, data.items, draw)
    elif split == "cold_items":
        phase = cold_item_phases(data.items, data.n_items, ratio, draw)
    else:
        return data
    order = np.lexsort((np.arange(len(data)), phase, data.users))
    columns = (data.items[order], data.times[order], data.ratings[order])
    items, times, ratings = columns
    return replace(data, items=items, times=times, ratings=ratings, phase=phase[order])


def split_interactions(
    data: Interactions,
    split: str,
    ratio: list[float] | None = None,
    *,
    targets: Targets = "all",
    time: Sequence[int] | None = None,
    draw: SplitDraw | None = None,
) -> Split:
    """Splits into training, validation and test.

    Args:
        data: The ordered interactions.
        split: ``leave_one_out``, ``ratio`` (per user), ``global_time``, ``k_fold``, ``cold_items`` or ``cold_users``.
        ratio: Shares of the three parts for all but ``leave_one_out`` and ``k_fold``.
        targets: Which interactions of a user's validation and test period are held out, for ``global_time`` and
            ``cold_users``.
        time: Seconds where validation and test begin, for ``global_time``; quantiles by ``ratio`` if None.
        draw: Of the last three splits.

    Returns:
        The split. With ``k_fold`` and ``cold_items``, its interactions have the rows of a user in another order.

    Raises:
        ConfigError: The split, its ratio or its targets are not usable.
        DataError: Nothing is left to train on or to test.
    """
    if targets not in get_args(Targets):
        raise ConfigError(f"split_targets is {targets!r}: use {', '.join(get_args(Targets))}")
    draw = draw or SplitDraw()
    if split in ("ratio", "cold_items", "cold_users") or (split == "global_time" and time is None):
        _check_ratio(ratio)
    shares = ratio or []
    if split in DRAWN and data.phase is None:
        data = _in_phases(data, split, shares, draw)
    phase = _phases(data, split, shares, time, draw)
    _check_parts(data, phase, split)
    if data.phase is not None:  # drawn without a look at the order
        found = Split(data, phase, 0.0, targets)
    elif targets == "all":
        found = Split(data, phase, _tie_share(data, phase))
    else:
        found = Split(data, phase, 0.0, targets)
        found = replace(found, tie_share=_tie_share_of_targets(found))
    if split not in ("leave_one_out", "ratio"):
        _check_users(found, split)
    return found


def _phases(
    data: Interactions, split: str, ratio: list[float], time: Sequence[int] | None, draw: SplitDraw
) -> np.ndarray:
    """``(N,) int8`` phase of each row."""
    if data.phase is not None:
        return data.phase
    if split == "global_time":
        points = _time_points(data, ratio) if time is None else np.asarray(time, dtype=np.int64)
        return _by_global_time(data, points)
    if split == "leave_one_out":
        return _leave_one_out(data)
    if split == "ratio":
        return _by_ratio(data, ratio)
    if split == "cold_users":
        return cold_user_phases(data.indptr, ratio, draw)
    raise ConfigError(f"split is {split!r}: use leave_one_out, ratio, global_time, {', '.join(DRAWN)}")


def _check_ratio(ratio: list[float] | None) -> None:
    if ratio is None or len(ratio) != 3 or min(ratio) < 0 or not ratio[0] > 0:
        raise ConfigError(f"split_ratio is {ratio!r}: give three shares such as [0.8, 0.1, 0.1]")


def _check_parts(data: Interactions, phase: np.ndarray, split: str) -> None:
    for part, name in ((TRAIN, "training"), (VALID, "validation"), (TEST, "test")):
        if (phase == part).any():
            continue
        if split == "global_time":
            raise DataError(
                f"the split 'global_time' leaves no {name} interaction, of those from {_day(data.times.min())} to "
                f"{_day(data.times.max())}: change split_time or split_ratio"
            )
        if split in DRAWN:
            raise DataError(f"the split {split!r} leaves no {name} interaction: {_REMEDIES[split]}")
        raise DataError(
            f"the split {split!r} leaves no {name} interaction: too few interactions a user (three are "
            "needed by leave_one_out), or change split or split_ratio"
        )


_REMEDIES = {
    "global_time": "change split_time, split_ratio or split_targets",
    "k_fold": "users need three interactions or more; use fewer folds",
    "cold_items": "raise the shares of split_ratio, since a part must hold at least one item",
    "cold_users": "lower cold_history, which every cold user must have more interactions than, or raise the shares of "
    "split_ratio",
}


def _check_users(split: Split, name_of_split: str) -> None:
    """Somebody must be left who has both a held-out item and something before it."""
    for part, name in ((VALID, "validation"), (TEST, "test")):
        if not len(split.evaluated_users(part)):
            raise DataError(
                f"the split {name_of_split!r} leaves no {name} user: all {len(split.users_with_targets(part))} with a "
                f"{name} item have no interaction before it; {_REMEDIES[name_of_split]}"
            )


def _day(seconds: np.int64) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))


def split_of(config: Any, data: Interactions) -> Split:
    """:func:`split_interactions` with the split of a configuration, or of the ``config.yaml`` of a run.

    Raises:
        DataError, ConfigError: As :func:`split_interactions`.
    """
    # RecBole's configuration has no get; runs of earlier versions know of neither key.
    targets: Targets = config["split_targets"] if "split_targets" in config else "all"  # noqa: SIM401
    time = config["split_time"] if "split_time" in config else None  # noqa: SIM401
    return split_interactions(
        data, config["split"], config["split_ratio"], targets=targets, time=time, draw=draw_of(config)
    )
