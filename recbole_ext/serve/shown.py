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
        self._folder, self._name = folder, re.sub(r"\W", lambda one: f"={ord(one[0]):x}=", name)
        path = folder / f"shown-{self._name}-{process}.counts"
        size = len(catalogue.counts)
        fresh = not path.exists() or path.stat().st_size != 8 * size
        self._own = np.memmap(path, dtype=np.int64, mode="w+" if fresh else "r+", shape=(size,))

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
            # A file of another size is of a catalogue before a reload.
            if len(one) == len(total):
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
