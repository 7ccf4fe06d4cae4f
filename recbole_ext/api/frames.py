"""DataFrames of the library that a user likes: pandas, or polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from recbole_ext.errors import ConfigError, nearest

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["AsFrame", "FrameKind", "as_pandas", "as_polars", "check_kind"]

FrameKind = Literal["pandas", "polars"]
Frame_co = TypeVar("Frame_co", covariant=True)


class AsFrame(Protocol[Frame_co]):
    """Makes a DataFrame of a table; ``index`` names the column that identifies a row."""

    def __call__(self, table: pl.DataFrame, index: str | None = None) -> Frame_co:
        """The frame."""
        ...


def as_pandas(table: pl.DataFrame, index: str | None = None) -> pd.DataFrame:
    """A pandas DataFrame, with ``index`` as its index."""
    frame = table.to_pandas()
    return frame if index is None else frame.set_index(index)


def as_polars(table: pl.DataFrame, index: str | None = None) -> pl.DataFrame:
    """The table itself: polars knows no index, and the column stays."""
    return table


def check_kind(kind: str) -> None:
    """Refuses frames of another library.

    Raises:
        ConfigError: It is neither ``pandas`` nor ``polars``.
    """
    known = ("pandas", "polars")
    if kind not in known:
        raise ConfigError(
            f"frames of {kind!r} are asked for{nearest(str(kind), known)}: use pandas or polars"
        )
