"""Who is asked about: a user of the data set, or a history, and how much of it a model knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recbole_ext.errors import DataError
from recbole_ext.recommend.titles import ItemNames

if TYPE_CHECKING:
    from recbole_ext.data.dataloader import EvaluationLoader

__all__ = ["Basis", "Person", "Users", "person_of_history"]

Basis = Literal["known_user", "history", "fallback_popular"]


@dataclass(frozen=True, eq=False)
class Person:
    """A person as a model sees them.

    Attributes:
        basis: What a list rests on.
        history: ``(n,) int64`` internal ids that the model reads, or that a user had, the oldest first.
        user: Internal id of a user of the data set; 0 for others.
        given: Items that the request named; the length of the history for a user.
        known: How many of them occur in the model's training.
        unknown: Names that are no items of the catalogue, each with the reason.
        why: Why the list is that of the most popular items; empty otherwise.
    """

    basis: Basis
    history: np.ndarray
    user: int = 0
    given: int = 0
    known: int = 0
    unknown: tuple[tuple[str, str], ...] = field(default=())
    why: str = ""

    @property
    def ground(self) -> dict[str, Any]:
        """What an answer says of the ground it stands on."""
        return {
            "basis": self.basis,
            "why": self.why or None,
            "history": {
                "given": self.given,
                "known": self.known,
                "share_known": round(self.known / self.given, 4) if self.given else None,
                "unknown": [{"name": name, "reason": reason} for name, reason in self.unknown],
            },
        }


class Users:
    """The users of a data set with something before the test.

    Args:
        loader: The phase that supplies users and histories.
        counts: ``(n_items,) int64`` training interactions.
    """

    def __init__(self, loader: EvaluationLoader, counts: np.ndarray) -> None:
        self._loader, self._counts = loader, counts
        tokens = loader.split.interactions.user_tokens.astype(str).tolist()
        there = loader.stop > loader.start
        self._ids = {token: index for index, token in enumerate(tokens) if index and there[index]}
        self.tokens = sorted(self._ids, key=lambda token: (len(token), token))

    def id(self, token: str) -> int:
        """Internal id; 0 for nobody."""
        return self._ids.get(token, 0)

    def history(self, user: int) -> np.ndarray:
        """``(n,) int64`` what a user had before the test, the oldest first."""
        rows = slice(int(self._loader.start[user]), int(self._loader.stop[user]))
        return self._loader.split.interactions.items[rows].astype(np.int64)

    def some(self, k: int) -> list[str]:
        """Tokens of users with short, middling and long histories."""
        users = np.array([self._ids[token] for token in self.tokens], dtype=np.int64)
        lengths = (self._loader.stop - self._loader.start)[users]
        order = np.lexsort((np.arange(len(users)), lengths))
        places = np.unique(np.linspace(0, len(order) - 1, min(k, len(order))).round().astype(int))
        return [self.tokens[order[place]] for place in places]

    def begin_with(self, text: str, k: int) -> list[str]:
        """Tokens that begin with a text."""
        return [token for token in self.tokens if token.startswith(text)][:k]

    def person(self, token: str) -> Person:
        """A user; somebody unknown gets the most popular items, and is told so."""
        user = self.id(token)
        if not user:
            why = f"user {token!r} is not in the data set, or has nothing before the test"
            return Person("fallback_popular", np.zeros(0, dtype=np.int64), why=why)
        items = self.history(user)
        return Person("known_user", items, user, len(items), int((self._counts[items] > 0).sum()))


def person_of_history(
    given: Sequence[str], names: ItemNames, counts: np.ndarray, *, repeats: bool, refused: str = ""
) -> Person:
    """A person by what they had; names that are no items are left out, and listed with the reason.

    Args:
        given: Tokens or titles, the oldest first.
        names: The catalogue.
        counts: ``(n_items,) int64`` training interactions.
        repeats: Whether an item may come twice.
        refused: Why the model reads no such history; empty if it does.

    Raises:
        DataError: An item comes twice.
    """
    items: list[int] = []
    unknown: list[tuple[str, str]] = []
    for name in given:
        meant = names.meant(name)
        if len(meant) == 1:
            items.append(meant[0])
        else:
            unknown.append((name, _reason(meant, names)))
    history = np.array(items, dtype=np.int64)
    if not repeats and len(set(items)) < len(items):
        values, times = np.unique(history, return_counts=True)
        twice = names.title(int(values[times > 1][0]))
        raise DataError(
            f"the history has {twice!r} twice: name each item once, since the model's data has no repeats"
        )
    known = int((counts[history] > 0).sum())
    why = refused
    if not known:
        why = (
            "the history is empty"
            if not given
            else "the history has no item that the model has met in training"
        )
    basis: Basis = "fallback_popular" if why else "history"
    return Person(basis, history, 0, len(given), known, tuple(unknown), why)


def _reason(meant: Sequence[int], names: ItemNames) -> str:
    """Why a name is not one item."""
    if not meant:
        return "no item of the catalogue has this token or title"
    some = ", ".join(f"{names.title(item)} (item {names.tokens[item]})" for item in meant[:3])
    return f"it may be {some}{' or another one' if len(meant) > 3 else ''}: name one by its token"
