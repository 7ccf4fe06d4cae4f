"""FEARec without materialised prefixes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import sequential_recommender as host
from recbole_ext.data.windows import cut_windows

__all__ = ["FEARec"]


class _Column:
    """``column[index]`` of a prefix, cut when it is asked for."""

    def __init__(self, prefixes: _Prefixes, name: str) -> None:
        self.prefixes, self.name = prefixes, name

    def __getitem__(self, row: int) -> torch.Tensor:
        items, length = self.prefixes.window(np.array([row]))
        return torch.from_numpy(items)[0] if self.name == "items" else torch.from_numpy(length)[0]


class _Prefixes:
    """The prefix of each training interaction, under the names that FEARec reads."""

    def __init__(self, users: np.ndarray, items: np.ndarray, width: int, names: tuple[str, str]) -> None:
        self.items, self.width = items, width
        first = np.flatnonzero(np.diff(users, prepend=-1))
        self.start = np.repeat(first, np.diff(np.append(first, len(users))))
        self.inter_feat = {names[0]: _Column(self, "items"), names[1]: _Column(self, "length")}

    def window(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``(B, width)`` items before the rows, and their number ``(B,)``."""
        length = np.minimum(rows - self.start[rows], self.width)
        return cut_windows(self.items, rows, length, self.width), length

    def rows_by_item(self) -> dict[int, np.ndarray]:
        """For each target, the rows of its distinct prefixes.

        FEARec draws among the prefixes of one target until it meets another one than its own, for ever where all
        are equal but there is more than one; of equal prefixes only one is kept here.
        """
        rows = np.flatnonzero(np.arange(len(self.items)) > self.start)
        rows = rows[np.argsort(self.items[rows], kind="stable")]
        parts = np.split(rows, np.flatnonzero(np.diff(self.items[rows])) + 1)
        return {int(self.items[part[0]]): self._distinct(part) for part in parts if len(part)}

    def _distinct(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows[np.sort(np.unique(self.window(rows)[0], axis=0, return_index=True)[1])])


class FEARec(host.FEARec):
    """RecBole's FEARec (Du et al. 2023); the prefixes with the same target are cut lazily."""

    def get_same_item_index(self, dataset: Any) -> dict[int, np.ndarray]:
        """Rows of the training interactions by target; also sets where their prefixes are cut."""
        interactions = dataset.inter_feat
        self.dataset = _Prefixes(
            interactions[self.USER_ID].numpy(),
            interactions[self.ITEM_ID].numpy(),
            self.max_seq_length,
            (self.ITEM_SEQ, self.ITEM_SEQ_LEN),
        )
        return self.dataset.rows_by_item()
