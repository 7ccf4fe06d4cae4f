"""Windows with masked items, for models that predict the masked items."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.dataloader import history_fields
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.interactions import Split
from recbole_ext.data.negative_sampler import NegativeSampler
from recbole_ext.data.window_loader import WindowLoader
from recbole_ext.data.windows import cut_windows

__all__ = ["ClozeLoader", "cloze_mask"]


def cloze_mask(length: np.ndarray, width: int, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """``(B, width) bool``: masks each item of a window with probability ``ratio``, and at least one item per window."""
    draw = np.where(np.arange(width) < length[:, None], rng.random((len(length), width)), np.inf)
    return (draw < ratio) | (draw == draw.min(axis=1, keepdims=True))


class ClozeLoader(WindowLoader):
    """Windows of L items, some of them masked, for models with ``cloze`` (Sun et al., CIKM 2019).

    An epoch passes 1 / ``mask_ratio`` times (rounded) over all training items; the paper masks each sequence ten times.
    If every batch masked at random, an epoch would predict about as many items as one with a target at every position.
    Each pass cuts and masks the windows again.

    With RecBole's probability ``ft_ratio``, a batch masks only the last item, as evaluation does; each window then ends
    at one of the items for which it was cut, drawn uniformly. Otherwise it masks items with probability ``mask_ratio``.
    A last-item batch predicts one item per window, so with ``ft_ratio: 0.5`` an epoch predicts about six in ten items.
    RecBole instead masks one row per prefix.
    """

    first_target = 0

    def __init__(
        self, config: Any, dataset: ExactDataset, split: Split, sampler: NegativeSampler | None
    ) -> None:
        super().__init__(config, dataset, split, sampler)
        # RecBole's transform would mask again; it is built only to set names that the model reads.
        self.transform = lambda _, batch: batch

    def _examples(self) -> np.ndarray:
        """``(n, 2) int64``: row of each window's last item, and the number of items for which it was cut."""
        passes = max(1, round(1 / max(float(self.config["mask_ratio"]), 0.01)))
        return np.concatenate([super(ClozeLoader, self)._examples() for _ in range(passes)])

    def _cut(self, chosen: np.ndarray) -> Interaction:
        config, data = self.config, self.split.interactions
        last, fresh = chosen[:, 0], chosen[:, 1]
        users = np.searchsorted(data.indptr, last, side="right") - 1
        fine_tunes = self.rng.random() < float(config["ft_ratio"] or 0)
        stop = last + 1 - (self.rng.integers(0, fresh) if fine_tunes else 0)
        length = np.minimum(stop - data.indptr[users], int(config["MAX_ITEM_LIST_LENGTH"]))
        width = self._width(length)
        items = cut_windows(data.items, stop, length, width)
        if fine_tunes:
            masked = np.arange(width) == length[:, None] - 1
        else:
            masked = cloze_mask(length, width, float(config["mask_ratio"]), self.rng)
        return Interaction(
            {
                self.dataset.uid_field: torch.from_numpy(users),
                **history_fields(self.dataset, stop, length, width),
                config["MASK_ITEM_SEQ"]: torch.from_numpy(np.where(masked, data.n_items, items)),
                "target_seq": torch.from_numpy(np.where(masked, items, 0)),
            }
        )
