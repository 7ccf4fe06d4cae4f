"""What a model's scores depend on: one function for each way in which models represent a user."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from recbole_ext.data.dataloader import EvaluationBatch, last_windows
from recbole_ext.data.histories import Histories
from recbole_ext.model.fold_in import HistoryReader, trained_on
from recbole_ext.model.history_rows import UserRows
from recbole_ext.model.registry import Explained
from recbole_ext.recommend.people import part_of
from recbole_ext.rerank.methods.candidates import row_blocks
from recbole_ext.trainer.opened import OpenedRun

__all__ = ["Reading", "item_vectors", "read_history", "read_stranger", "weights_between"]

_ROWS_AT_ONCE = 256


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


def weights_between(model: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """From items ``(H,)`` of a history and others ``(R,)`` to weights ``(H, R)``; None if a model is not linear."""
    if hasattr(model, "weights_between"):
        return model.weights_between
    for name in ("w", "item_similarity"):
        weights = getattr(model, name, None)
        if isinstance(weights, torch.Tensor):
            weights = weights.detach().cpu().numpy()
        if getattr(weights, "shape", None) == (model.n_items, model.n_items):
            return functools.partial(_block, weights)
    return None


def _block(weights: Any, history: np.ndarray, items: np.ndarray) -> np.ndarray:
    """``(H, R) float64`` weights from the items of a history to others."""
    block = weights[history][:, items]
    return np.asarray(block.todense() if sp.issparse(block) else block, dtype=np.float64)


def _linear_parts(
    opened: OpenedRun, batch: EvaluationBatch, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Items of a user's history and their parts in the scores of a linear model; None for other models."""
    model, user = opened.trainer.model, int(batch.users[0])
    between, matrix = weights_between(model), getattr(model, "interaction_matrix", None)
    if between is None or matrix is None:
        return None
    row = sp.csr_matrix(matrix[user])
    if batch.histories is not None:
        row = sp.csr_matrix(UserRows(model, trained_on(opened.data.dataset)).matrix(batch.histories)[0])
    history = row.indices.astype(np.int64)
    return history, between(history, items) * row.data.astype(np.float64)[:, None]


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
    return None if found is None else _summing(found[0], found[1], _without_offset(model, items, scores))


def _without_offset(model: Any, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scores less what a model adds to an item for everybody: ``offset(items)`` gives it, where there is any."""
    return scores - model.offset(items) if hasattr(model, "offset") else scores


def _summing(history: np.ndarray, effects: np.ndarray, scores: np.ndarray) -> Reading | None:
    """Parts ``(H, R)`` that sum to the scores; None if they do not."""
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
    histories = batch.histories or Histories.of_training(opened.data.split, batch.users[:1])
    histories = histories.kept(histories.last_of_each())
    if len(histories.items) < 2:
        return Reading("row", histories.items[:0], np.zeros((0, len(items))))
    reader = HistoryReader(opened.trainer.model, opened.data.dataset, opened.config)
    effects, ranks = _compared(reader.scores(histories.without_each()), _seen(opened, batch), items, scores)
    return Reading("row", histories.items, effects, ranks)


def item_vectors(model: torch.nn.Module, n_items: int) -> np.ndarray | None:
    """Item embeddings ``(n_items, d)``, looked up by the attribute names that models use."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Embedding) and "item" in name and module.weight.shape[0] == n_items:
            return module.weight.detach().cpu().numpy()
    return None


def _nearest(model: torch.nn.Module, history: np.ndarray, items: np.ndarray, n_items: int) -> Reading:
    """Cosine similarity of item embeddings; an empty reading for a model without them."""
    vectors = item_vectors(model, n_items)
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
    if opened.spec.explained == "row" or (
        batch.histories is not None and opened.spec.fold_in in ("row", "neighbours")
    ):
        return _row(opened, batch, items, scores)
    return _nearest(model, batch.seen_items.numpy(), items, opened.data.dataset.item_num)


def read_stranger(
    opened: OpenedRun, reader: HistoryReader, one: Histories, items: np.ndarray, seen: np.ndarray
) -> Reading:
    """As :func:`read_history`, for one person who is known by a history.

    Args:
        opened: A run that has begun a phase with its trainer.
        reader: Of the same run.
        one: One history.
        items: ``(R,) int64`` recommended items.
        seen: ``(S,) int64`` items that are not candidates.
    """
    scores = reader.scores(one)[0, torch.from_numpy(items).to(reader.device)].double().cpu().numpy()
    exact = _parts_of_stranger(opened, reader.kind, one, items, scores)
    if exact is not None:
        return exact
    if reader.kind == "counts":
        return Reading("none", one.items, np.zeros((len(one.items), len(items))))
    if reader.kind == "window":
        one = _last(one, int(opened.config["MAX_ITEM_LIST_LENGTH"]))
    kind: Explained = "window" if reader.kind == "window" else "row"
    if len(one.items) < 2:
        return Reading(kind, one.items[:0], np.zeros((0, len(items))))
    masked = torch.from_numpy(seen)
    without = one.without_each()
    compared = [
        _compared(reader.scores(part_of(without, rows)), masked, items, scores)
        for rows in row_blocks(len(without), 1, _ROWS_AT_ONCE)
    ]
    effects, ranks = (np.concatenate(part) for part in zip(*compared, strict=True))
    return Reading(kind, one.items, effects, ranks)


def _last(one: Histories, count: int) -> Histories:
    """The last items of one history."""
    items, times = one.items[-count:], None if one.times is None else one.times[-count:]
    return Histories(items, np.array([0, len(items)]), times, one.users)


def _parts_of_stranger(
    opened: OpenedRun, kind: str, one: Histories, items: np.ndarray, scores: np.ndarray
) -> Reading | None:
    """Exact parts of the scores of one history; None if they do not sum to the scores."""
    model = opened.trainer.model
    scores = _without_offset(model, items, scores)
    if hasattr(model, "history_parts"):
        found = model.history_parts(one, items)
        return None if found is None else _summing(found[0], found[1], scores)
    if hasattr(model, "parts") and kind == "window":
        start, stop = one.indptr[:1], one.indptr[1:]
        window = last_windows(opened.config, opened.data.dataset, one.users, start, stop, one)
        history, effects = model.parts(window, items)
        return _summing(history, effects, scores)
    between = weights_between(model)
    return None if between is None else _summing(one.items, between(one.items, items), scores)
