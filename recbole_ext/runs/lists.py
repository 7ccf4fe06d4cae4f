"""The tables of a result folder: the figures of each user, and the lists that they received."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from recbole_ext.data.features import titles
from recbole_ext.data.files import whole
from recbole_ext.errors import CheckpointError

if TYPE_CHECKING:
    from recbole_ext.data.interactions import Interactions
    from recbole_ext.evaluator.evaluate import Evaluation

__all__ = ["check_table", "read_per_user", "read_table", "write_lists", "write_table"]


def write_table(path: Path, table: pl.DataFrame) -> None:
    """A table as Parquet, as a whole or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    with whole(path, also=(pl.exceptions.PolarsError,)) as partial:
        table.write_parquet(partial)


def write_lists(folder: Path, interactions: Interactions, item_file: Path, evaluation: Evaluation) -> None:
    """``per_user.parquet`` and ``recommendations.parquet`` of a phase.

    Args:
        folder: Receives the two files.
        interactions: The data set, for the tokens of users and items.
        item_file: The atomic file of the items, for their titles; it need not exist.
        evaluation: Figures and lists of the phase.

    Raises:
        OutputError: A file cannot be written.
    """
    users = interactions.user_tokens[evaluation.users].astype(str)
    write_table(folder / "per_user.parquet", pl.DataFrame({"user_id": users, **evaluation.per_user}))
    write_table(
        folder / "recommendations.parquet", _recommendations(interactions, item_file, evaluation, users)
    )


def _recommendations(
    interactions: Interactions, item_file: Path, evaluation: Evaluation, users: np.ndarray
) -> pl.DataFrame:
    """One row for each place in each list: tokens, title where the set has one, score, rank from 1."""
    k = evaluation.items.shape[1]
    tokens = interactions.item_tokens[evaluation.items.reshape(-1)].astype(str)
    frame = pl.DataFrame(
        {
            "user_id": np.repeat(users, k),
            "rank": np.tile(np.arange(1, k + 1), len(users)),
            "item_id": tokens,
            "score": evaluation.scores.reshape(-1),
        }
    ).filter(pl.col("item_id") != "[PAD]")
    named = titles(item_file)
    return frame if named is None else frame.join(named, on="item_id", how="left", maintain_order="left")


def check_table(path: Path) -> None:
    """Refuses a damaged table that is there for other programs; it may be absent.

    Raises:
        CheckpointError: It cannot be read.
    """
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            pl.read_parquet_schema(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is damaged ({reason}): write its folder again") from error


def read_table(path: Path) -> pl.DataFrame:
    """A table of a folder with lists.

    Raises:
        CheckpointError: It cannot be read, or has no users.
    """
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        # Polars may answer with a plan of many lines; the first one says what is wrong.
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is missing or damaged ({reason}): write its folder again") from error
    if "user_id" not in frame.columns:
        raise CheckpointError(f"{path} lacks the column user_id: write its folder again")
    return frame


def read_per_user(folder: Path) -> pl.DataFrame:
    """One row a test user, by ``user_id``: a column for each metric that has a value for each user.

    Raises:
        CheckpointError: As :func:`read_table`, or a user has two rows, or a value is missing.
    """
    path = folder / "per_user.parquet"
    table = read_table(path).sort("user_id")
    again = table["user_id"].is_duplicated()
    if again.any():
        user = table["user_id"].filter(again)[0]
        raise CheckpointError(f"{path} has more than one row of the user {user!r}: write its folder again")
    for name in table.columns:
        column = table[name]
        if name != "user_id" and not column.dtype.is_numeric():
            raise CheckpointError(
                f"{path} has {column.dtype} in the column {name}, where numbers belong: write its folder again"
            )
        if column.null_count() or (column.dtype.is_float() and not column.is_finite().all()):
            raise CheckpointError(f"{path} lacks a value of {name} for some user: write its folder again")
    return table
