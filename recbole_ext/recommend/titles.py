"""Names of items: a token or a title, as a person writes it, to the item of a run's catalogue."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_ext.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ItemNames"]

_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_ARTICLE = re.compile(r"^(.+), (the|a|an|les?|la|l'|il|el|los|las|der|die|das)$")
_SHOWN = 4


def _parts(title: str) -> tuple[str, str, str]:
    """Main part, remarks in parentheses and year of a title, compared without case; articles stand in front."""
    text = " ".join(title.casefold().split())
    year = _YEAR.search(text)
    body = text[: year.start()] if year else text
    main, parenthesis, remarks = body.partition(" (")
    moved = _ARTICLE.sub(r"\2 \1", main)
    return moved, parenthesis + remarks, f" ({year[1]})" if year else ""


class ItemNames:
    """The items of a catalogue by token and title.

    Titles are compared without case; *The Matrix (1999)* finds *Matrix, The*; remarks in parentheses and the year may
    be left out where one item is left. A text that is a token names that item, whatever is called so: the film *10* is
    *10 (1979)*, since 10 is the token of another one.

    Args:
        tokens: ``(n_items,) str`` by internal id; 0 is padding.
        titles: ``item_id``, ``title`` and ``year`` of the data set, perhaps of more items; None where it has no titles.
    """

    def __init__(self, tokens: np.ndarray, titles: pl.DataFrame | None) -> None:
        self.tokens = tokens.astype(str)
        self.has_titles = titles is not None
        rows = [] if titles is None else titles.select("item_id", "title", "year").rows()
        self._titles: dict[str, str] = {item: title for item, title, _ in rows if title}
        self._years: dict[str, str] = {item: f" ({year})" for item, _, year in rows if year}
        self._ids = {token: index for index, token in enumerate(self.tokens.tolist()) if index}
        self._found: dict[tuple[type, Any], int] = {}

    @functools.cached_property
    def shown(self) -> np.ndarray:
        """``(n_items,) object``: the title of each item, or its token where it has none."""
        return np.array([self._titles.get(token, token) for token in self.tokens.tolist()], dtype=object)

    def title(self, item: int) -> str:
        """Title of an internal id, or its token."""
        return str(self.shown[item])

    @functools.cached_property
    def _by_title(self) -> dict[str, list[str]]:
        """Tokens by every spelling of a title: with and without its remarks, with and without its year."""
        found: dict[str, list[str]] = {}
        for token, title in self._titles.items():
            main, remarks, year = _parts(title)
            year = year or self._years.get(token, "")
            # A dict, since the four are often the same.
            spellings = dict.fromkeys((main + remarks + year, main + year, main + remarks, main))
            for spelling in spellings:
                found.setdefault(spelling, []).append(token)
        return found

    def _year(self, token: str) -> str:
        return _parts(self._titles[token])[2] or self._years.get(token, "")

    def item(self, name: Any) -> int:
        """The internal id of an item.

        Args:
            name: A token as text or whole number, or a title.

        Raises:
            DataError: It names no item, several, or one that the run's filters left out, or is no name at all.
        """
        if isinstance(name, (bool, np.bool_)) or not isinstance(name, (str, int, np.integer)):
            raise DataError(
                f"an item is named by {name!r}, a {type(name).__name__}: give a token as text or whole number, or a "
                "title"
            )
        text = str(name)
        own = self._ids.get(text)
        titled = self._titled(text) if isinstance(name, str) else []
        return self._of_title(text, titled) if own is None else own

    def _of_title(self, text: str, titled: list[str]) -> int:
        """The only item of the catalogue with a title."""
        found = [token for token in titled if token in self._ids]
        if len(found) == 1:
            return self._ids[found[0]]
        if found:
            choice = ", ".join(self._quoted(token) for token in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise DataError(f"{text!r} may be {choice}{more}: name one of them by its token")
        if titled or text in self._titles:
            raise DataError(
                f"{self._quoted(titled[0] if titled else text)} is in the data set, but not in the run's catalogue, "
                "since the filters of the run left it out: leave it out here, too"
            )
        raise DataError(f"no item is called {text!r}{self._nearest(text)}")

    def meant(self, text: str) -> list[int]:
        """Internal ids of the items of the catalogue that a token or title may mean: one, several or none."""
        own = self._ids.get(text)
        return (
            [self._ids[token] for token in self._titled(text) if token in self._ids] if own is None else [own]
        )

    def items(self, names: Sequence[Any]) -> np.ndarray:
        """``(n,) int64`` internal ids of several names, as :meth:`item`."""
        result = np.empty(len(names), dtype=np.int64)
        for place, name in enumerate(names):
            key = (type(name), name)  # True and 1 are equal
            item = self._found.get(key) if isinstance(name, (str, int)) else None
            if item is None:
                item = self.item(name)
                self._found[key] = item
            result[place] = item
        return result

    def _titled(self, text: str) -> list[str]:
        """Tokens of the items with this title, in the strictest spelling that finds any.

        A year that is written must be that of the item, unless the data set does not know it.
        """
        main, remarks, year = _parts(text)
        for spelling in dict.fromkeys((main + remarks + year, main + year, main + remarks, main)):
            found = [
                token
                for token in self._by_title.get(spelling, ())
                if not year or self._year(token) in (year, "")
            ]
            if found:
                exact = [token for token in found if self._titles[token] == text]
                return exact if len(exact) == 1 else found
        return []

    def _quoted(self, token: str) -> str:
        return f"'{self._dated(token)}' (item {token})" if token in self._titles else f"'{token}'"

    def _dated(self, token: str) -> str:
        """The title of an item with its year, if that is known; or the token."""
        title = self._titles.get(token, token)
        return title if _YEAR.search(title) else title + self._years.get(token, "")

    def _nearest(self, text: str) -> str:
        """A clause that names the items whose titles, or else tokens, are most like a text."""
        known = {self._dated(token).casefold(): token for token in self._ids}
        wanted = " ".join(text.casefold().split())
        inside = sorted((title for title in known if wanted and wanted in title), key=len)[:3]
        alike = inside or difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
        if not alike:
            what = "a title or token" if self.has_titles else "a token (the data set has no titles)"
            return f": give {what} of the data set, such as {self._quoted(next(iter(self._ids)))}"
        return f"; the nearest: {', '.join(self._quoted(known[title]) for title in alike)}"
