"""Whom to recommend for: users of a run's data set, or people of whom only a history is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from recbole_ext.data.histories import Histories
from recbole_ext.errors import ConfigError, DataError, nearest
from recbole_ext.recommend.titles import ItemNames

if TYPE_CHECKING:
    from recbole_ext.data.dataloader import EvaluationLoader

__all__ = ["Known", "People", "Strangers", "known_users", "part_of", "strangers", "strangers_of_events"]


@dataclass(frozen=True)
class Known:
    """Users of the data set.

    Attributes:
        names: ``(P,)`` their tokens.
        users: ``(P,) int64`` their internal ids.
    """

    names: pl.Series
    users: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def part(self, rows: slice) -> Known:
        """Some of them."""
        return Known(self.names[rows], self.users[rows])


@dataclass(frozen=True)
class Strangers:
    """People who need not be in the data set.

    Attributes:
        names: ``(P,)`` as they were given, or their numbers from 0.
        histories: What each of them had, the oldest first.
    """

    names: pl.Series
    histories: Histories

    def __len__(self) -> int:
        return len(self.histories)

    def part(self, rows: slice) -> Strangers:
        """Some of them."""
        return Strangers(self.names[rows], part_of(self.histories, rows))


def part_of(histories: Histories, rows: slice) -> Histories:
    """The histories of some of the people."""
    indptr = histories.indptr[rows.start : rows.stop + 1]
    inside = slice(int(indptr[0]), int(indptr[-1]))
    times = None if histories.times is None else histories.times[inside]
    return Histories(histories.items[inside], indptr - indptr[0], times, histories.users[rows])


People = Known | Strangers


def known_users(loader: EvaluationLoader, tokens: Sequence[Any] | None, place: str) -> Known:
    """Users by their tokens.

    Args:
        loader: The phase whose histories count.
        tokens: Text or whole numbers; None for every user whom the phase evaluates.
        place: The run folder, for messages.

    Raises:
        ConfigError: There is none, or one is unknown, named twice, or without interactions before the phase.
    """
    everybody = loader.split.interactions.user_tokens
    if tokens is None:
        return Known(pl.Series("user", everybody[loader.users].astype(str)), loader.users)
    if not len(tokens):
        raise ConfigError("no user is named: give at least one token of the data set")
    ids = {token: index for index, token in enumerate(everybody.astype(str).tolist()) if index}
    found: dict[str, int] = {}
    for token in tokens:
        if isinstance(token, (bool, np.bool_)) or not isinstance(token, (str, int, np.integer)):
            raise ConfigError(
                f"a user is named by {token!r}, a {type(token).__name__}: give a token as text or whole number"
            )
        name = str(token)
        if name not in ids:
            some = next(iter(ids))
            raise ConfigError(
                f"user {name!r} is not in the data set of {place}{nearest(name, ids)}: give a token of the data set, "
                f"such as {some}, or a history"
            )
        if name in found:
            raise ConfigError(f"user {name!r} is named twice: name each user once")
        found[name] = ids[name]
    users = np.array(list(found.values()), dtype=np.int64)
    without = users[loader.stop[users] <= loader.start[users]]
    if len(without):
        raise ConfigError(
            f"user {everybody[without[0]]!r} has no interaction before the test of {place}: give a history instead"
        )
    return Known(pl.Series("user", list(found), dtype=pl.String), users)


def strangers(
    histories: Sequence[Any] | Mapping[Any, Sequence[Any]], names: ItemNames, *, repeats: bool
) -> Strangers:
    """People by their histories.

    Args:
        histories: A history a person, the oldest item first; or one history alone; or a history by name.
        names: The catalogue.
        repeats: Whether an item may occur twice in a history, as in data of repeated consumption.

    Raises:
        DataError: A history is empty or no list, or an item is unknown or given twice.
    """
    if isinstance(histories, Mapping):
        people, given = _people(list(histories)), list(histories.values())
    else:
        given = _several(histories)
        people = pl.Series("user", range(len(given)), dtype=pl.Int64)
    if not given:
        raise DataError("no history is given: give at least one, such as [['Toy Story (1995)']]")
    rows, lengths = [], np.empty(len(given), dtype=np.int64)
    for place, history in enumerate(given):
        whose = f"the history of {people[place]!r}" if len(given) > 1 else "the history"
        rows.append(_row(history, names, whose, repeats))
        lengths[place] = len(rows[-1])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    nobody = np.zeros(len(given), dtype=np.int64)
    return Strangers(people, Histories(np.concatenate(rows), indptr, None, nobody))


def _people(names: list[Any]) -> pl.Series:
    for name in names:
        if isinstance(name, bool) or not isinstance(name, (str, int, np.integer)):
            raise DataError(
                f"a person is called {name!r}, a {type(name).__name__}: give text or a whole number"
            )
    texts = [str(name) for name in names]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise DataError(f"two people are called {twice!r}: give each a name of their own")
    return pl.Series("user", texts, dtype=pl.String)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) or (
        hasattr(value, "tolist") and hasattr(value, "__len__")
    )


def _several(histories: Any) -> list[Any]:
    """A list of histories; one history alone is a list of one."""
    if not _is_list(histories):
        raise DataError(
            f"history is {histories!r}, a {type(histories).__name__}: give a list of items, a list of such lists, or "
            "a table with the columns user and item"
        )
    given = list(histories)
    lists = [_is_list(one) for one in given]
    if given and not any(lists):
        return [given]
    if not all(lists):
        place = lists.index(False)
        raise DataError(
            f"history mixes lists and single items (place {place} is {given[place]!r}): give a list of items for each "
            "person"
        )
    return given


def _row(history: Any, names: ItemNames, whose: str, repeats: bool) -> np.ndarray:
    """``(n,) int64`` items of one person."""
    if not _is_list(history):
        raise DataError(f"{whose} is {history!r}: give a list of items")
    if not len(history):
        raise DataError(f"{whose} is empty: give at least one item")
    try:
        items = names.items(list(history))
    except DataError as error:
        raise DataError(f"{whose}: {error}") from error
    if not repeats and len(np.unique(items)) < len(items):
        values, counts = np.unique(items, return_counts=True)
        twice = names.title(int(values[counts > 1][0]))
        raise DataError(
            f"{whose} has {twice!r} twice: name each item once, since the run's data has no repeats"
        )
    return items


def strangers_of_events(events: pl.DataFrame, names: ItemNames, *, repeats: bool) -> Strangers:
    """People by a table of what they had.

    Args:
        events: ``user`` and ``item`` as text, and perhaps ``time`` as whole seconds. Without it, a person's rows are in
            their order, the oldest first.
        names: The catalogue.
        repeats: As in :func:`strangers`.

    Raises:
        DataError: An item is unknown, or given twice for a person.
    """
    tokens = events["item"].unique(maintain_order=True)
    ids = pl.DataFrame({"item": tokens, "id": names.items(tokens.to_list())})
    users = events["user"].unique(maintain_order=True)
    numbered = pl.DataFrame({"user": users, "person": pl.int_range(len(users), eager=True)})
    table = events.join(ids, on="item", maintain_order="left").join(
        numbered, on="user", maintain_order="left"
    )
    by = ["person", "time"] if "time" in table.columns else ["person"]
    table = table.sort(by, maintain_order=True)
    if not repeats:
        twice = table.filter(table.select("person", "id").is_duplicated())
        if twice.height:
            raise DataError(
                f"the history of {twice['user'][0]!r} has {names.title(twice['id'][0])!r} twice: name each item once, "
                "since the run's data has no repeats"
            )
    counts = np.bincount(table["person"].to_numpy(), minlength=len(users))
    times = table["time"].to_numpy().astype(np.int64) if "time" in table.columns else None
    histories = Histories(
        table["id"].to_numpy().astype(np.int64),
        np.concatenate([[0], np.cumsum(counts)]),
        times,
        np.zeros(len(users), dtype=np.int64),
    )
    return Strangers(users.alias("user"), histories)
