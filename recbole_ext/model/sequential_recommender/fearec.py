"""FEARec without materialised prefixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.data.windows import cut_windows

__all__ = ["FEARec"]


class _Column:
    """A column of the prefixes; ``column[row]`` cuts the prefix on demand."""

    def __init__(self, prefixes: _Prefixes, name: str) -> None:
        self.prefixes, self.name = prefixes, name

    def __getitem__(self, row: int) -> torch.Tensor:
        items, length = self.prefixes.window(np.array([row]))
        return torch.from_numpy(items)[0] if self.name == "items" else torch.from_numpy(length)[0]


class _Prefixes:
    """The prefix of each training interaction, under the field names that FEARec reads."""

    def __init__(self, users: np.ndarray, items: np.ndarray, width: int, names: tuple[str, str]) -> None:
        self.items, self.width = items, width
        first = np.flatnonzero(np.diff(users, prepend=-1))
        self.start = np.repeat(first, np.diff(np.append(first, len(users))))
        self.inter_feat = {names[0]: _Column(self, "items"), names[1]: _Column(self, "length")}

    def window(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ``(B, width)`` items before the rows, and their number ``(B,)``."""
        length = np.minimum(rows - self.start[rows], self.width)
        return cut_windows(self.items, rows, length, self.width), length

    def rows_by_item(self) -> dict[int, np.ndarray]:
        """Maps each target to the rows of its distinct prefixes.

        FEARec draws among the prefixes of a target until it finds one that differs from the current prefix. If a target
        has several prefixes and all are equal, that loop never ends; equal prefixes are therefore kept once.
        """
        rows = np.flatnonzero(np.arange(len(self.items)) > self.start)
        rows = rows[np.argsort(self.items[rows], kind="stable")]
        parts = np.split(rows, np.flatnonzero(np.diff(self.items[rows])) + 1)
        return {int(self.items[part[0]]): self._distinct(part) for part in parts if len(part)}

    def _distinct(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows[np.sort(np.unique(self.window(rows)[0], axis=0, return_index=True)[1])])


class FEARec(host.FEARec):
    """RecBole's FEARec (Du et al. 2023) that cuts the prefixes with the same target lazily."""

    def get_same_item_index(self, dataset: Any) -> dict[int, np.ndarray]:
        """Returns the rows of the training interactions by target, and sets ``dataset`` to their lazy prefixes."""
        interactions = dataset.inter_feat
        self.dataset = _Prefixes(
            interactions[self.USER_ID].numpy(),
            interactions[self.ITEM_ID].numpy(),
            self.max_seq_length,
            (self.ITEM_SEQ, self.ITEM_SEQ_LEN),
        )
        return self.dataset.rows_by_item()
