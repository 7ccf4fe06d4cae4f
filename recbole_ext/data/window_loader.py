"""Training batches of windows with a target at every place."""

from __future__ import annotations

import numpy as np
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.dataloader import TrainLoader, history_fields
from recbole_ext.data.interactions import TRAIN
from recbole_ext.data.window_batches import batches_by_length
from recbole_ext.data.windows import cut_windows

__all__ = ["WindowLoader"]


class WindowLoader(TrainLoader):
    """Windows of L items with a target at every position, for models that implement ``encode``.

    Every training target occurs once per epoch; with ``windows_per_user: n`` those of n windows of each user do, drawn
    anew each time, so that a user with a thousand items counts little more than one with fifty. The cuts between a
    user's windows are redrawn each epoch, so that over the epochs an item is predicted from contexts of every length (0
    to L - 1 earlier items of the window).

    A batch has ``train_batch_size`` / L windows on average. With ``window_batches: by_length`` they are of like length
    (see :func:`~recbole_ext.data.window_batches.batches_by_length`), and a batch is as wide as its longest one; with
    ``random`` they are drawn from all, and a batch is L wide. With ``full_windows: true`` (Caser) a window reaches
    back until its first target has L earlier items, too: it has 2 L - 1 items at most. A model with ``reads_places``
    also gets the place of each window's first item in the user's interactions, ``first_place (B,)``.
    """

    first_target = 1  # a user's first item has no context to be predicted from

    @property
    def _full_windows(self) -> bool:
        return bool(self.config["full_windows"])

    @property
    def _by_length(self) -> bool:
        return bool(self.config["window_batches"] == "by_length")

    def _width(self, length: np.ndarray) -> int:
        """Columns of a batch whose windows have these lengths."""
        most = int(self.config["MAX_ITEM_LIST_LENGTH"])
        return int(length.max()) if self._by_length or self._full_windows else most

    def _batch_size(self) -> int:
        return max(1, int(self.config["train_batch_size"]) // int(self.config["MAX_ITEM_LIST_LENGTH"]))

    def _examples(self) -> np.ndarray:
        """``(n, 2) int64``: row of each window's last target, and the number of its targets."""
        width = int(self.config["MAX_ITEM_LIST_LENGTH"])
        start, stop = self.split.period(TRAIN)
        total = np.maximum(stop - start - self.first_target, 0)
        users = np.flatnonzero(total)
        total, last = total[users], stop[users] - 1
        newest = self.rng.integers(1, width + 1, len(users)) if self.config["shuffle"] else width
        newest = np.where(total > width, newest, total)
        windows = 1 - (newest - total) // width
        number = np.arange(windows.sum()) - np.repeat(np.cumsum(windows) - windows, windows)
        after = np.where(number > 0, np.repeat(newest, windows) + (number - 1) * width, 0)
        fresh = np.where(
            number > 0, np.minimum(np.repeat(total, windows) - after, width), np.repeat(newest, windows)
        )
        examples = np.stack([np.repeat(last, windows) - after, fresh], axis=1)
        most = self.config["windows_per_user"]
        return examples if most is None else examples[self._chosen(windows, number < int(most))]

    def _chosen(self, windows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Rows of windows drawn without replacement from those of each user.

        Args:
            windows: ``(U,)`` windows of each user.
            kept: ``(n,) bool``, true for as many of a user's windows as are drawn.
        """
        owner = np.repeat(np.arange(len(windows)), windows)
        shuffled = np.lexsort((self.rng.random(len(owner)), owner))
        return np.sort(shuffled[kept])

    def _batches(self) -> list[np.ndarray]:
        if not (self.config["shuffle"] and self._by_length):
            return super()._batches()
        length = self._lengths(self._order)[1]
        batches = batches_by_length(length, self._order[:, 1], self.batch_size, self.rng)
        return [self._order[rows] for rows in batches]

    def _lengths(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """User and number of items of windows ``(B, 2)``, both ``(B,) int64``."""
        data, last, most = self.split.interactions, chosen[:, 0], int(self.config["MAX_ITEM_LIST_LENGTH"])
        users = np.searchsorted(data.indptr, last, side="right") - 1
        stop = last + 1 - self.first_target
        return users, np.minimum(stop - data.indptr[users], most + (chosen[:, 1] - 1) * self._full_windows)

    def filled_share(self) -> float:
        """Draws an epoch; returns the share of its places that hold a target (with masks: an item)."""
        self._order = self._examples()
        lengths = [self._lengths(one)[1] for one in self._batches()]
        places = sum(len(length) * self._width(length) for length in lengths)
        return float(self._order[:, 1].sum() / places)

    def _cut(self, chosen: np.ndarray) -> Interaction:
        data = self.split.interactions
        last, fresh = chosen[:, 0], chosen[:, 1]
        users, length = self._lengths(chosen)
        width = self._width(length)
        targets = cut_windows(data.items, last + 1, length, width)
        targets[np.arange(width) < (length - fresh)[:, None]] = 0
        fields = {
            self.dataset.uid_field: torch.from_numpy(users),
            **history_fields(self.dataset, last, length, width),
            "target_seq": torch.from_numpy(targets),
        }
        if self.dataset.history_places:
            fields["first_place"] = torch.from_numpy(last - length - data.indptr[users])
        return Interaction(fields)
