"""Fold-in: scores from a history that a model was not trained on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.dataloader import last_windows
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.histories import Histories
from recbole_ext.errors import DataError
from recbole_ext.model.foldable import FoldIn, check_fold_in, fold_in
from recbole_ext.model.history_neighbours import NeighbourVectors
from recbole_ext.model.history_rows import UserRows
from recbole_ext.model.history_vectors import HistorySolver
from recbole_ext.model.registry import spec_of
from recbole_ext.model.scoring import catalogue_scores

__all__ = ["FoldIn", "HistoryReader", "fold_in", "history_scores", "trained_on"]


class HistoryReader:
    """Scores histories with a model as it stands; made anew after the model has learnt on.

    A model with a method ``history_scores(histories)`` that returns ``(P, n_items)`` scores is asked itself.

    Args:
        model: The model, in evaluation mode.
        dataset: The training part it was built from.
        config: The merged configuration.

    Raises:
        ConfigError: The model reads no other histories.
    """

    def __init__(self, model: Any, dataset: ExactDataset, config: Any) -> None:
        spec = spec_of(type(model))
        self.kind = check_fold_in(fold_in(model, spec), spec, "scoring a history").kind
        self.model, self.name, self.dataset, self.config = model, spec.name, dataset, config
        self.device = torch.device(config["device"])
        self._met = trained_on(dataset)
        self._rows = UserRows(model, self._met)
        self._read = self._reader()

    def _reader(self) -> Callable[[Histories], torch.Tensor]:
        if hasattr(self.model, "history_scores"):
            return self.model.history_scores
        if self.kind == "solve":
            return HistorySolver.of(self.model, self.dataset.inter_matrix(form="csr")).scores
        if self.kind == "neighbours":
            training = self.dataset.inter_matrix(form="csr").astype(np.float32)
            training.data[:] = 1
            return functools.partial(self._by_neighbours, NeighbourVectors(self.model, training))
        return {"window": self._by_window, "row": self._by_row, "counts": self._by_counts}[self.kind]

    @torch.no_grad()
    def scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items)`` unmasked scores, float32 or float64."""
        if self.kind != "counts" and not (met := self._met[histories.users]).all():
            # Nothing was learnt about a user of the data set without training interactions, either.
            histories = replace(histories, users=np.where(met, histories.users, 0))
        return self._read(histories).to(self.device)

    def _catalogue(self, interaction: Interaction) -> torch.Tensor:
        at_once = int(self.config["eval_batch_size"])
        return catalogue_scores(self.model, interaction, self.dataset, self.device, at_once)

    def _users(self, users: np.ndarray) -> Interaction:
        return self.dataset.join(Interaction({self.dataset.uid_field: torch.from_numpy(users)}))

    def _by_counts(self, histories: Histories) -> torch.Tensor:
        return self._catalogue(self._users(histories.users))

    def _by_window(self, histories: Histories) -> torch.Tensor:
        start, stop = histories.indptr[:-1], histories.indptr[1:]
        batch = last_windows(self.config, self.dataset, histories.users, start, stop, histories)
        if histories.users.all():
            return self._catalogue(batch)
        with self._rows.knowing_nobody():
            return self._catalogue(batch)

    def _by_row(self, histories: Histories) -> torch.Tensor:
        with self._rows.holding(histories):
            return self._catalogue(self._users(np.arange(len(histories))))

    def _by_neighbours(self, vectors: NeighbourVectors, histories: Histories) -> torch.Tensor:
        with vectors.holding(histories):
            return self._catalogue(self._users(np.arange(len(histories))))


def trained_on(dataset: ExactDataset) -> np.ndarray:
    """``(n_users,) bool``: whether a user has training interactions."""
    users: Any = dataset.inter_feat[dataset.uid_field]
    return (torch.bincount(users, minlength=dataset.user_num) > 0).numpy()


def history_scores(model: Any, dataset: ExactDataset, config: Any, histories: Histories) -> torch.Tensor:
    """Scores histories that the model need not have been trained on.

    Args:
        model: The model, in evaluation mode.
        dataset: The training part it was built from.
        config: The merged configuration.
        histories: P histories.

    Returns:
        ``(P, n_items)`` scores, unmasked.

    Raises:
        ConfigError: The model reads no other histories.
        DataError: A history is empty or has an item that is not in the catalogue.
    """
    reader = HistoryReader(model, dataset, config)
    if len(histories.items) and histories.items.max() >= dataset.item_num:
        raise DataError(
            f"a history holds the item id {histories.items.max()}, but the largest of the catalogue is "
            f"{dataset.item_num - 1}: leave unknown items out"
        )
    if reader.kind != "counts" and (histories.lengths == 0).any():
        raise DataError(
            f"a history is empty, and {reader.name} ranks from histories alone: give at least one known item"
        )
    return reader.scores(histories)
