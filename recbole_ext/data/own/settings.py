"""What a user may say about tables of one's own: names of columns, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from recbole_ext.data.ordering import TieBreak
from recbole_ext.data.own.events import Repeats
from recbole_ext.data.own.times import TimeUnit
from recbole_ext.errors import ConfigError

__all__ = ["ColumnNames", "Settings"]


@dataclass(frozen=True)
class ColumnNames:
    """Columns as the user names them; None is guessed where a name is clear.

    Attributes:
        user, item, time, rating: Of the interactions; ``item`` of both tables.
        title, genre: Of the items.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    title: str | None = None
    genre: str | None = None

    def __post_init__(self) -> None:
        for role, name in vars(self).items():
            if name is not None and not isinstance(name, str):
                raise ConfigError(f"{role}_column is {name!r}: give the column's name as text")


@dataclass(frozen=True)
class Settings:
    """How a table is read.

    Attributes:
        file_order: Whether the order of the rows takes the place of times.
        implicit: Whether ratings are left out.
        time_unit: Of times that are numbers: ``s``, ``ms``, ``us`` or ``ns``; found out if None.
        repeats: What to do with an item that a user has several times: ``keep`` all, the ``first`` or the ``last``.
        genre_separator: What separates the genres of an item; found out if None.
        tie_break: Order among equal times of a user: ``file`` as in the table, or ``random``.
        seed: Seed of the random order.
    """

    file_order: bool = False
    implicit: bool = False
    time_unit: TimeUnit | None = None
    repeats: Repeats = "keep"
    genre_separator: str | None = None
    tie_break: TieBreak = "file"
    seed: int = 2020

    def check(self) -> None:
        """Refuses what is no setting.

        Raises:
            ConfigError: A value is unknown.
        """
        for name, value, known in (
            ("time_unit", self.time_unit, (None, *get_args(TimeUnit))),
            ("repeats", self.repeats, get_args(Repeats)),
            ("tie_break", self.tie_break, get_args(TieBreak)),
        ):
            if value not in known:
                words = ", ".join(str(one) for one in known if one is not None)
                raise ConfigError(f"{name} '{value}' is unknown; known: {words}")
        if self.genre_separator == "":
            raise ConfigError("genre_separator is empty: give the text between two genres, such as '|'")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed {self.seed} is out of range: give a whole number from 0 to 2^32 - 1")
