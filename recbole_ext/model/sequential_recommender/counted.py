"""Sequential models that are fitted by counting, without gradient training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext._compat.host import InputType, SequentialRecommender
from recbole_ext.data.histories import SECONDS_A_DAY
from recbole_ext.errors import RecBoleExtError

__all__ = ["SECONDS_A_DAY", "Counted", "ReadsHistories", "Windows"]


@dataclass(frozen=True)
class Windows:
    """The windows of a batch without padding, concatenated, oldest item first.

    Attributes:
        rows: ``(n,) int64`` row of the batch of each item.
        items: ``(n,) int64`` ids.
        ages: ``(n,) int64`` number of later items in the window: 0 for the most recent one.
        lengths: ``(B,) int64`` items in each window.
        times: ``(n,) int64`` seconds; None if the batch has no times.
        users: ``(B,) int64`` ids; None if the batch has no users.
    """

    rows: np.ndarray
    items: np.ndarray
    ages: np.ndarray
    lengths: np.ndarray
    times: np.ndarray | None
    users: np.ndarray | None

    def timed(self) -> np.ndarray:
        """Returns ``times``.

        Raises:
            RecBoleExtError: The batch has no times.
        """
        if self.times is None:
            raise RecBoleExtError(
                "the model weights a history by time, but this history has no times: add times, or weight by place"
            )
        return self.times

    def last_times(self) -> np.ndarray:
        """Returns the ``(B,) int64`` time in seconds of each window's most recent item, 0 for an empty window."""
        last = np.zeros(len(self.lengths), dtype=np.int64)
        recent = self.ages == 0
        last[self.rows[recent]] = self.timed()[recent]
        return last

    def matrix(self, weights: np.ndarray, n_items: int) -> sp.csr_matrix:
        """Returns ``(B, n_items) float32`` weights of each row's items; the weights of repeated items are summed."""
        shape = (len(self.lengths), n_items)
        return sp.csr_matrix((weights.astype(np.float32), (self.rows, self.items)), shape=shape)


class ReadsHistories(SequentialRecommender):
    """Base of sequential models that score the windows of a batch as :class:`Windows`."""

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.n_users = dataset.num(self.USER_ID)
        self.TIME_SEQ = dataset.time_field + config["LIST_SUFFIX"]

    def sequences(self, dataset: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Users, items and times ``(N,) int64`` of the training interactions, by user, then in order."""
        columns = (self.USER_ID, self.ITEM_ID, dataset.time_field)
        users, items, times = (np.asarray(dataset.inter_feat[name]) for name in columns)
        return users, items, times

    def histories(self, interaction: Any) -> Windows:
        """Returns the windows of a batch."""
        items = interaction[self.ITEM_SEQ].cpu().numpy()  # (B, L)
        lengths = interaction[self.ITEM_SEQ_LEN].cpu().numpy()
        inside = np.arange(items.shape[1]) < lengths[:, None]
        rows, places = np.nonzero(inside)
        names = interaction.columns
        times = interaction[self.TIME_SEQ].cpu().numpy()[inside] if self.TIME_SEQ in names else None
        users = interaction[self.USER_ID].cpu().numpy() if self.USER_ID in names else None
        return Windows(rows, items[inside], lengths[rows] - 1 - places, lengths, times, users)

    def scores(self, histories: Windows) -> torch.Tensor:
        """Returns ``(B, n_items)`` scores of the whole catalogue, on the CPU."""
        raise NotImplementedError

    def predict(self, interaction: Any) -> torch.Tensor:
        """Returns ``(B,)`` scores of one item per history."""
        scores = self.full_sort_predict(interaction)
        return scores.gather(1, interaction[self.ITEM_ID][:, None]).squeeze(1)

    def full_sort_predict(self, interaction: Any) -> torch.Tensor:
        """``(B, n_items)`` scores of the whole catalogue."""
        return self.scores(self.histories(interaction)).to(self.device)


class Counted(ReadsHistories):
    """Base of sequential models that count the training data when they are built.

    The trainer runs one epoch, as for all models without trainable parameters: one short pass over users that does
    nothing. A checkpoint stores no counts, because they follow from the training data. Counts come only from the
    training data; scoring reads the window of the batch, so any history can be scored.
    """

    input_type = InputType.LISTWISE  # one training example per user: the shortest pass
    learns = False
    reads_times = True

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.fake_loss = torch.nn.Parameter(torch.zeros(1))

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Returns 0; the model has no trainable parameters."""
        return self.fake_loss.sum() * 0
