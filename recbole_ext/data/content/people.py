"""What is known of users beside their history, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from recbole_ext.data.atomic_reader import column_names
from recbole_ext.data.content.recipes import decades, multi_hot
from recbole_ext.errors import DataError

__all__ = ["user_profiles"]

_MOST_VALUES = 30


def user_profiles(path: Path, columns: Sequence[str], user_tokens: np.ndarray) -> np.ndarray:
    """One column for each value; a column of many whole numbers, such as an age, by shares of the nearest decades.

    Args:
        path: The users' atomic file.
        columns: Its columns.
        user_tokens: ``(n_users,)`` tokens by id; 0 is padding.

    Returns:
        ``(n_users, P) float32``; 0 for padding and for users that the file does not have.

    Raises:
        DataError: The file or a column is missing, or a column is the same for every user.
    """
    if not path.is_file():
        raise DataError(f"user_features is {list(columns)}, but {path} does not exist: set user_features: []")
    names = column_names(path)
    for column in (*columns, "user_id"):
        if column not in names:
            raise DataError(
                f"user_features names {column}, but {path} has {', '.join(names)}: name others, or set "
                "user_features: []"
            )
    try:
        frame = pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read ({reason}): set user_features: []") from error
    frame = frame.rename(dict(zip(frame.columns, names, strict=True))).unique("user_id", keep="first")
    tokens = pl.DataFrame({"user_id": [str(token) for token in user_tokens]})
    joined = tokens.join(frame, on="user_id", how="left", maintain_order="left")
    parts = [_numbers(column, joined[column].fill_null("").to_list(), path) for column in columns]
    profiles = np.hstack(parts)
    profiles[0] = 0
    return profiles


def _numbers(column: str, values: list[str], path: Path) -> np.ndarray:
    given = {value for value in values if value}
    if len(given) < 2:
        raise DataError(f"user_features names {column}, but {path} has the same for every user: leave it out")
    if len(given) > _MOST_VALUES and all(value.isascii() and value.isdigit() for value in given):
        return decades(np.array([float(value) if value else np.nan for value in values]))
    return multi_hot([[value] if value else [] for value in values])[0]
