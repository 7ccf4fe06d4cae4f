"""The items of a data set as answers show them: title, year, genres, popularity and the numbers of other catalogues."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.data.features import genre_matrix, read_items
from recbole_ext.evaluator.groups import PopularityGroups
from recbole_ext.recommend.titles import ItemNames
from recbole_ext.serve.search import TitleSearch

__all__ = ["Catalogue"]

_YEAR_COLUMN, _OTHER_CATALOGUES = "release_year", ("imdb_id", "tmdb_id")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The items behind one or several models of the same data.

    Attributes:
        names: Items by token and title.
        counts: ``(n_items,) int64`` training interactions.
        groups: Head and tail.
        item_file: The atomic file that says more of the items; it need not exist.
    """

    names: ItemNames
    counts: np.ndarray
    groups: PopularityGroups
    item_file: Path

    @property
    def n_items(self) -> int:
        """Items without padding."""
        return len(self.counts) - 1

    def item(self, token: str) -> int | None:
        """The internal id of a token; None if there is no such item."""
        return self._ids.get(token)

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.names.tokens.tolist()) if index}

    @functools.cached_property
    def by_popularity(self) -> np.ndarray:
        """``(n_items - 1,) int64`` items, the most popular first, ties by the smaller id."""
        return np.lexsort((np.arange(1, len(self.counts)), -self.counts[1:])) + 1

    @functools.cached_property
    def place(self) -> np.ndarray:
        """``(n_items,) int64`` place of each item by popularity, from 1."""
        places = np.zeros(len(self.counts), dtype=np.int64)
        places[self.by_popularity] = np.arange(1, len(self.counts))
        return places

    @functools.cached_property
    def genres(self) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """``(n_items, G)`` of 0 and 1, and the names of the genres; None where there are none."""
        return genre_matrix(self.item_file, self.names.tokens)

    @functools.cached_property
    def search(self) -> TitleSearch:
        """The titles."""
        return TitleSearch(self.names.shown.tolist(), self.counts)

    @functools.cached_property
    def shown(self) -> tuple[dict[str, Any], ...]:
        """What is known of each item, by internal id, ready to be written as JSON."""
        more = self._columns()
        genres, names = self.genres or (np.zeros((len(self.counts), 0)), ())
        most = float(np.log1p(self.counts.max(initial=1)))
        return tuple(
            {
                "item": token,
                "title": str(self.names.shown[item]),
                **{key: values.get(token) or None for key, values in more.items()},
                "genres": [names[column] for column in np.flatnonzero(genres[item])],
                "popularity": {
                    "interactions": int(self.counts[item]),
                    "share": round(float(np.log1p(self.counts[item])) / most, 4),
                    "place": int(self.place[item]),
                    "group": "head" if self.groups.head[item] else "tail",
                },
            }
            for item, token in enumerate(self.names.tokens.tolist())
        )

    def _columns(self) -> dict[str, dict[str, str]]:
        """Year and numbers in other catalogues by token; empty where the data has no such column."""
        frame = read_items(self.item_file)
        found: dict[str, dict[str, str]] = {}
        for column in (_YEAR_COLUMN, *_OTHER_CATALOGUES):
            known = frame is not None and column in frame.columns
            name = "year" if column == _YEAR_COLUMN else column
            found[name] = dict(frame.select("item_id", column).rows()) if known and frame is not None else {}
        return found
