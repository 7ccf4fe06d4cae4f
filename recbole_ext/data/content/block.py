"""A feature of items as numbers, and what is known of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_ext.errors import DataError

__all__ = ["FeatureBlock", "ItemFeatures"]


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """One feature of every item of the filtered catalogue.

    Attributes:
        name: A name of ``item_features``.
        values: ``(n_items, F) float32``; the mean squared length of a known row is 1, so that no feature outweighs
            another by its unit; rows of padding and of items without the feature are 0.
        known: ``(n_items,) bool``, items that have the feature.
        recipe: How the values were made, in words.
        note: What was left out, in words; empty if nothing was.
    """

    name: str
    values: np.ndarray
    known: np.ndarray
    recipe: str
    note: str = ""

    @classmethod
    def of(
        cls, name: str, values: np.ndarray, known: np.ndarray, recipe: str, note: str = ""
    ) -> FeatureBlock:
        """Scales the values of a feature and refuses one that tells no item from another.

        Args:
            name, recipe, note: As above.
            values: ``(n_items, F)`` in any unit.
            known: ``(n_items,) bool``.

        Raises:
            DataError: No item has the feature, or all that have it have the same.
        """
        known = known.copy()
        known[0] = False
        rows = np.asarray(values, dtype=np.float32)[known]
        if not len(rows):
            raise DataError(
                f"item_features names {name}, but no item of the catalogue has it: leave {name} out"
            )
        if len(rows) > 1 and not np.ptp(rows, axis=0).any():
            raise DataError(
                f"item_features names {name}, but it is the same for all {len(rows):,} items that have it: leave "
                f"{name} out"
            )
        scaled = np.zeros(np.shape(values), dtype=np.float32)
        scaled[known] = rows / (float(np.sqrt(np.mean(np.square(rows).sum(axis=1)))) or 1.0)
        return cls(name, scaled, known, recipe, note)

    @property
    def items(self) -> int:
        """Number of items of the catalogue, without padding."""
        return len(self.known) - 1

    @property
    def missing(self) -> int:
        """Number of items without the feature."""
        return self.items - int(self.known.sum())

    def record(self) -> dict[str, Any]:
        """What ``metrics.json`` says of it."""
        return {
            "name": self.name,
            "width": self.values.shape[1],
            "items": self.items,
            "missing": self.missing,
            "recipe": self.recipe,
            "note": self.note,
        }

    def words(self) -> str:
        """The same in a line."""
        note = f"; {self.note}" if self.note else ""
        return f"{self.name}: {self.recipe}; {self.missing:,} of {self.items:,} items have none{note}"


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """The features that a model reads.

    Attributes:
        with_id: Whether each item has a vector of its own beside them.
        blocks: The features of content, in the order in which they were named.
    """

    with_id: bool
    blocks: tuple[FeatureBlock, ...]

    def matrix(self) -> np.ndarray:
        """``(n_items, F) float32``: all features side by side."""
        return np.hstack([block.values for block in self.blocks])

    def known(self) -> np.ndarray:
        """``(n_items,) bool``: items with any of the features."""
        return np.any([block.known for block in self.blocks], axis=0)

    def records(self) -> list[Mapping[str, Any]]:
        """What ``metrics.json`` says of them."""
        return [block.record() for block in self.blocks]

    def words(self) -> list[str]:
        """A line for each."""
        return [block.words() for block in self.blocks]
