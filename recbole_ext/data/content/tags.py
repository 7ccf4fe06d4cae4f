"""Tags that users gave to items, as far as training may know of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from recbole_ext.data.atomic_reader import check_fields
from recbole_ext.data.interactions import TRAIN, Split
from recbole_ext.errors import DataError

__all__ = ["Ends", "tags_in_training"]

_COLUMNS = ("user_id", "item_id", "tag", "timestamp")
_NEVER = np.iinfo(np.int64).max


Ends = Literal["each", "one", "none"]
"""When training ends: for each user at the first held-out interaction, at one time for all, or at no time."""


def tags_in_training(path: Path, split: Split, ends: Ends = "each") -> tuple[list[list[str]], int]:
    """Reads the tags of each item that were given before the training of their user ends.

    A tag counts if its user gave it before training ends, and not to an item that is held out of the same user. The
    tags of users whose interactions are not in the data, or of whom none is held out, count whenever they were given,
    unless training ends at one time for all.

    Args:
        path: ``NAME.tags`` of a prepared set.
        split: All interactions and their phases.
        ends: ``none`` for splits that are drawn without a look at the time.

    Returns:
        Tags of each item id, once for each use, and the number of uses that are left out.

    Raises:
        DataError: The file is missing or damaged.
    """
    uses = _uses(path)
    data = split.interactions
    ids = {
        "user": pl.DataFrame({"user_id": data.user_tokens.astype(str), "user": np.arange(data.n_users)}),
        "item": pl.DataFrame({"item_id": data.item_tokens.astype(str), "item": np.arange(data.n_items)}),
    }
    uses = uses.join(ids["item"], on="item_id").join(
        ids["user"], on="user_id", how="left", maintain_order="left"
    )
    user = uses["user"].fill_null(0).to_numpy()
    item, time = uses["item"].to_numpy(), uses["timestamp"].to_numpy()
    kept = (time < _ends(split, ends)[user]) & ~_held_out(split, user, item)
    counted = uses.filter(pl.Series(kept)).sort("item", "tag")
    found: list[list[str]] = [[] for _ in range(data.n_items)]
    for place, tag in counted.select("item", "tag").iter_rows():
        found[place].append(tag)
    return found, int((~kept).sum())


def _uses(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(
            f"item_features names tags, but {path} does not exist, so that nobody knows when they were given: prepare "
            "the set again with --source, or leave tags out"
        )
    text = path.read_bytes()
    header, _, rows = text.partition(b"\n")
    if tuple(header.decode("utf-8", "replace").strip().split("\t")) != _COLUMNS:
        raise DataError(f"{path} must have the columns {', '.join(_COLUMNS)}: prepare the set again")
    if rows:
        check_fields(rows, len(_COLUMNS), path)
    try:
        types: dict[str, type[pl.DataType]] = dict.fromkeys(_COLUMNS[:3], pl.String)
        return pl.read_csv(
            text, separator="\t", quote_char=None, glob=False, schema=types | {"timestamp": pl.Int64}
        ).drop_nulls()
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}): prepare the set again") from error


def _ends(split: Split, kind: Ends) -> np.ndarray:
    """``(n_users,) int64`` seconds at which training ends; user 0 stands for those who are not in the data."""
    data = split.interactions
    held = np.flatnonzero(split.phase > TRAIN)
    ends = np.full(data.n_users, _NEVER)
    if kind == "each":
        np.minimum.at(ends, data.users[held], data.times[held])
    elif kind == "one" and len(held):
        ends[:] = data.times[held].min()
    return ends


def _held_out(split: Split, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """``(n,) bool``: pairs that are held out."""
    data = split.interactions
    held = np.flatnonzero(split.phase > TRAIN)
    pairs = data.users[held] * data.n_items + data.items[held]
    return np.isin(user.astype(np.int64) * data.n_items + item, pairs)
