"""Fold-in: scores from a history that a model was not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from recbole_ext._compat.host import Interaction
from recbole_ext.data.dataloader import last_windows
from recbole_ext.data.dataset import ExactDataset
from recbole_ext.data.histories import Histories
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.model.history_rows import in_place_of_users, with_people_unseen
from recbole_ext.model.history_vectors import HistorySolver
from recbole_ext.model.registry import FoldInKind, ModelSpec, spec_of
from recbole_ext.model.scoring import catalogue_scores

__all__ = ["FOLD_INS", "FoldIn", "HistoryReader", "check_fold_in", "fold_in", "history_scores"]

FOLD_INS: dict[FoldInKind, str] = {
    "window": "the last items of any history are read as those of a training user",
    "row": "the items of any history are read in the place of a training user's",
    "solve": "a vector is solved for the history, by least squares on the trained vectors of the items",
    "counts": "nothing is learnt about a person, so that any history will do",
    "none": "a person is known only by the vector learnt in training, so that no other history can be read",
}
"""How a model reads a history that it was not trained on, in the words of every message."""


@dataclass(frozen=True)
class FoldIn:
    """How a model reads a history that it was not trained on.

    Attributes:
        kind: ``window``, ``row``, ``solve``, ``counts`` or ``none``.
        sentence: The same in words.
    """

    kind: FoldInKind
    sentence: str


def fold_in(model: Any, spec: ModelSpec) -> FoldIn:
    """How a model reads a history that it was not trained on.

    Args:
        model: The built model; None if only its name is known.
        spec: Its entry in the table.
    """
    if getattr(model, "inter_matrix_type", "01") == "rating":
        return FoldIn("none", "inter_matrix_type: rating reads ratings, which a history does not have")
    return FoldIn(spec.fold_in, FOLD_INS[spec.fold_in])


def check_fold_in(model: Any, spec: ModelSpec, asked_by: str) -> FoldIn:
    """:func:`fold_in`, or a refusal.

    Args:
        model, spec: As in :func:`fold_in`.
        asked_by: What needs the fold-in, as the start of a sentence: ``same_history: true``.

    Raises:
        ConfigError: The model reads no other histories.
    """
    found = fold_in(model, spec)
    if found.kind == "none":
        raise ConfigError(
            f"{asked_by} needs a model that reads any history, but of {spec.name} {found.sentence}: choose another "
            "model, such as ItemKNN or SASRec"
        )
    return found


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
        self.kind = check_fold_in(model, spec, "scoring a history").kind
        self.model, self.name, self.dataset, self.config = model, spec.name, dataset, config
        self.device = torch.device(config["device"])
        self._read = self._reader()

    def _reader(self) -> Callable[[Histories], torch.Tensor]:
        if hasattr(self.model, "history_scores"):
            return self.model.history_scores
        if self.kind == "solve":
            return HistorySolver.of(self.model, self.dataset.inter_matrix(form="csr")).scores
        return {"window": self._by_window, "row": self._by_row, "counts": self._by_counts}[self.kind]

    @torch.no_grad()
    def scores(self, histories: Histories) -> torch.Tensor:
        """``(P, n_items)`` unmasked scores, float32 or float64.

        Raises:
            DataError: A history is empty or has an item that is not in the catalogue.
        """
        if len(histories.items) and histories.items.max() >= self.dataset.item_num:
            raise DataError(
                f"a history holds the item id {histories.items.max()}, but the largest of the catalogue is "
                f"{self.dataset.item_num - 1}: leave unknown items out"
            )
        if self.kind != "counts" and (histories.lengths == 0).any():
            raise DataError(
                f"a history is empty, and {self.name} ranks from histories alone: give at least one known item"
            )
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
        with with_people_unseen(self.model, self.dataset.user_num):
            return self._catalogue(batch)

    def _by_row(self, histories: Histories) -> torch.Tensor:
        with in_place_of_users(self.model, histories, self.dataset.user_num):
            return self._catalogue(self._users(np.arange(len(histories))))


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
    return HistoryReader(model, dataset, config).scores(histories)
