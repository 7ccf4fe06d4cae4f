"""What a model's scores depend on: one function for each way in which models represent a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.dataloader import EvaluationBatch
from recbole_ext.data.histories import Histories
from recbole_ext.data.interactions import VALID
from recbole_ext.model.fold_in import HistoryReader
from recbole_ext.model.history_rows import UserRows
from recbole_ext.model.registry import Explained
from recbole_ext.trainer.opened import OpenedRun

__all__ = ["Reading", "read_history"]


@dataclass(frozen=True)
class Reading:
    """The effect of each history item on each recommendation.

    Attributes:
        kind: ``parts`` (they sum to the score), ``window`` or ``row`` (items removed), ``nearest`` or ``none``.
        items: ``(H,) int64`` items of the history.
        effects: ``(H, R)`` in the unit of the score; cosine similarity for ``nearest``.
        ranks: ``(H, R) int64`` rank of the recommendation without the item, from 1; None if no item was removed.
    """

    kind: Explained
    items: np.ndarray
    effects: np.ndarray
    ranks: np.ndarray | None = None


def _weights(model: Any) -> Any | None:
    """Item-to-item weights ``(n_items, n_items)`` of a linear model; None for other models."""
    for name in ("w", "item_similarity"):
        weights = getattr(model, name, None)
        if isinstance(weights, torch.Tensor):
            weights = weights.detach().cpu().numpy()
        if getattr(weights, "shape", None) == (model.n_items, model.n_items):
            return weights
    return None


def _linear_parts(
    opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Items of a user's history and their parts in the scores of a linear model; None for other models."""
    model, user = opened.trainer.model, int(batch.users[0])
    weights, matrix = _weights(model), getattr(model, "interaction_matrix", None)
    if weights is None or matrix is None:
        return None
    row = sp.csr_matrix(matrix[user])
    if batch.histories is not None:
        row = sp.csr_matrix(UserRows(model, opened.data.dataset.user_num).matrix(batch.histories)[0])
    history = row.indices.astype(np.int64)
    block = weights[history][:, items]
    dense = np.asarray(block.todense() if sp.issparse(block) else block, dtype=np.float64)
    return history, dense * row.data.astype(np.float64)[:, None]


def _parts(
    opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray, scores: np.ndarray
) -> Reading | None:
    """Exact parts of the scores of one user; None if they do not sum to the scores, as with centred columns.

    A model provides its own parts: ``parts(interaction, items)`` of a window or a training user returns the items of
    the history and ``(H, R)`` parts, ``history_parts(histories, items)`` those of any history. Parts of a model with
    ``offset(items)`` sum to the scores less these ``(R,)`` amounts, which no item of the history adds.
    """
    model = opened.trainer.model
    if batch.histories is not None and hasattr(model, "history_parts"):
        found = model.history_parts(batch.histories, items)
    elif hasattr(model, "parts"):
        found = model.parts(batch.interaction, items)
    else:
        found = _linear_parts(opened, batch, items)
    if found is None:
        return None
    history, effects = found
    if hasattr(model, "offset"):
        scores = scores - model.offset(items)
    if not np.allclose(effects.sum(axis=0), scores, rtol=1e-3, atol=1e-4):
        return None
    return Reading("parts", history, effects)


def _ranks(scores: torch.Tensor, items: np.ndarray) -> np.ndarray:
    """``(B, R)`` ranks, from 1, of items among masked scores ``(B, n_items)``."""
    own = scores[:, torch.from_numpy(items).to(scores.device)]  # (B, R)
    return np.stack(
        [(scores > own[:, [column]]).sum(dim=1).cpu().numpy() + 1 for column in range(own.shape[1])], axis=1
    )


def _compared(
    without: torch.Tensor, seen: torch.Tensor, items: np.ndarray, scores: np.ndarray
) -> tuple[Any, Any]:
    """Loss of score and new ranks, from scores ``(H, n_items)`` without each history item."""
    without = without.clone()
    without[:, 0] = -torch.inf
    without[:, seen.to(without.device)] = -torch.inf
    left = without[:, torch.from_numpy(items).to(without.device)].double().cpu().numpy()
    return scores[None, :] - left, _ranks(without, items)


def _window(opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray, scores: np.ndarray) -> Reading:
    """Scores a sequential model again without each item of its window; later items move up."""
    dataset, interaction = opened.data.dataset, batch.interaction
    field, length_field = dataset.item_id_list_field, dataset.item_list_length_field
    length, width = int(interaction[length_field][0]), interaction[field].shape[1]
    history = interaction[field][0, :length].numpy().copy()
    if length < 2:
        return Reading("window", history[:0], np.zeros((0, len(items))))
    several = interaction.repeat(length)
    places = np.arange(width)
    # Row j keeps every place but j: later places move up, and the last place becomes padding.
    order = np.stack([np.concatenate([np.delete(places, j), [width - 1]]) for j in range(length)])
    last = torch.from_numpy(places >= length - 1)
    for name in several.columns:
        values = several[name]
        if (
            values.dim() >= 2
            and values.shape[1] == width
            and name.endswith(str(opened.config["LIST_SUFFIX"]))
        ):
            moved = values[torch.arange(length)[:, None], torch.from_numpy(order)]
            moved[:, last] = 0
            several.update({name: moved}) if isinstance(several, dict) else several.interaction.update(
                {name: moved}
            )
    several.interaction[length_field] = several[length_field] - 1
    users = np.repeat(batch.users, length)
    again = EvaluationBatch(
        several, users, batch.seen_rows[:0], batch.seen_items[:0], batch.seen_rows[:0], batch.seen_items[:0]
    )
    effects, ranks = _compared(opened.trainer.scores_of(again), _seen(opened, batch), items, scores)
    return Reading("window", history, effects, ranks)


def _seen(opened: OpenedRun, batch: EvaluationBatch) -> torch.Tensor:
    """Items that are not candidates."""
    return batch.seen_items if opened.config["mask_seen"] else batch.seen_items[:0]


def _row(opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray, scores: np.ndarray) -> Reading:
    """Scores a model of rows again without each item of the user's row."""
    histories = batch.histories or Histories.before(opened.data.split, VALID, batch.users[:1])
    histories = histories.kept(histories.last_of_each())
    if len(histories.items) < 2:
        return Reading("row", histories.items[:0], np.zeros((0, len(items))))
    reader = HistoryReader(opened.trainer.model, opened.data.dataset, opened.config)
    effects, ranks = _compared(reader.scores(histories.without_each()), _seen(opened, batch), items, scores)
    return Reading("row", histories.items, effects, ranks)


def _item_vectors(model: torch.nn.Module, n_items: int) -> np.ndarray | None:
    """Item embeddings ``(n_items, d)``, looked up by the attribute names that models use."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and "item" in name and module.weight.shape[0] == n_items:
            return module.weight.detach().cpu().numpy()
    return None


def _nearest(model: torch.nn.Module, history: np.ndarray, items: np.ndarray, n_items: int) -> Reading:
    """Cosine similarity of item embeddings; an empty reading for a model without them."""
    vectors = _item_vectors(model, n_items)
    if vectors is None:
        return Reading("none", history, np.zeros((len(history), len(items))))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return Reading("nearest", history, unit[history] @ unit[items].T)


def read_history(opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray) -> Reading:
    """Measures the effect of each item of one user's history on the scores of some items.

    Args:
        opened: A run that has begun a phase with its trainer.
        batch: One user.
        items: ``(R,) int64`` recommended items.
    """
    model = opened.trainer.model
    raw = opened.trainer.scores_of(batch)[0]
    scores = raw[torch.from_numpy(items).to(raw.device)].double().cpu().numpy()
    exact = _parts(opened, batch, items, scores)
    if exact is not None:
        return exact
    if opened.data.dataset.item_id_list_field in batch.interaction.columns:
        return _window(opened, batch, items, scores)
    if opened.spec.explained == "row" or (batch.histories is not None and opened.spec.fold_in == "row"):
        return _row(opened, batch, items, scores)
    return _nearest(model, batch.seen_items.numpy(), items, opened.data.dataset.item_num)
