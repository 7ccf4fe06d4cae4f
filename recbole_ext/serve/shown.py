"""Which items have been shown to anybody since the server was started, in all of its processes together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.serve.items import Catalogue

__all__ = ["Shown"]


class Shown:
    """How often each item of a catalogue stood in a list of this session.

    Every process writes to a file of its own, so that none waits for another one, and reads those of all.

    Args:
        folder: Of the session; it exists.
        name: Of the model.
        catalogue: Its items.
        process: Name of this process.
    """

    def __init__(self, folder: Path, name: str, catalogue: Catalogue, process: str) -> None:
        self._catalogue = catalogue
        size = len(catalogue.counts)
        # A reload may bring another catalogue, while the file of the old one is still written to.
        self._folder, self._name = folder, f"{re.sub(r'[^A-Za-z0-9]', _as_number, name)}-{size}"
        path = folder / f"shown-{self._name}-{process}.counts"
        self._own = np.memmap(path, dtype=np.int64, mode="r+" if path.exists() else "w+", shape=(size,))

    def add(self, items: np.ndarray) -> None:
        """A list has been shown.

        Args:
            items: ``(n,) int64`` different items.
        """
        self._own[items] += 1

    def counts(self) -> np.ndarray:
        """``(n_items,) int64`` lists of the session with each item."""
        total = np.zeros(len(self._catalogue.counts), dtype=np.int64)
        for path in self._folder.glob(f"shown-{self._name}-*.counts"):
            one = np.fromfile(path, dtype=np.int64)
            if len(one) == len(total):  # another process may be making it
                total += one
        return total

    def summary(self, parts: int, floor: float | None) -> dict[str, Any]:
        """What ``/v1/catalogue`` says.

        Args:
            parts: Into how many parts the catalogue is cut, from popular to rare.
            floor: Share of the catalogue that ought to be shown; None if nobody has said.
        """
        counts, catalogue = self.counts(), self._catalogue
        tail, places = catalogue.groups.tail, int(counts.sum())
        seen = counts > 0
        seen[0] = False
        by_popularity = catalogue.by_popularity
        cuts = np.array_split(by_popularity, min(parts, len(by_popularity)))
        return {
            "items": catalogue.n_items,
            "shown": int(seen.sum()),
            "coverage": float(seen.sum()) / catalogue.n_items,
            "floor": floor,
            "random": 1.0 - (1.0 - 1.0 / catalogue.n_items) ** places,
            "places": places,
            "tail": {
                "items": int(tail.sum()),
                "shown": int((seen & tail).sum()),
                "share_of_places": float(counts[tail].sum()) / places if places else None,
            },
            "head_rule": catalogue.groups.head_rule,
            "parts": [
                {
                    "first_place": int(catalogue.place[part[0]]),
                    "items": len(part),
                    "shown": int(seen[part].sum()),
                    "places": int(counts[part].sum()),
                    "tail": int(tail[part].sum()),
                }
                for part in cuts
            ],
        }


def _as_number(letter: re.Match[str]) -> str:
    """A sign of a name as a part of a file's name that no pattern reads otherwise."""
    return f"={ord(letter[0]):x}="
