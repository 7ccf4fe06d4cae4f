"""Explanations of recommendations: exact parts of a score, the effect of removing an item, or the nearest items.

The method depends on the model, and every explanation names it. Linear and nearest-neighbour models give exact parts
that sum to the score. A model that reads the history is scored again without each item. A model that represents the
user only by a vector has no history to edit, so only similar items are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_ext.config.messages import pluralize
from recbole_ext.data.dataloader import EvaluationBatch
from recbole_ext.data.features import genre_matrix, titles
from recbole_ext.errors import ConfigError
from recbole_ext.model.explainable import HowExplainable, how_read
from recbole_ext.progress import stage
from recbole_ext.recommend.reasons import Reading, read_history
from recbole_ext.recommend.recommender import Recommender
from recbole_ext.trainer.opened import OpenedRun, open_model

__all__ = ["Explanation", "Reason", "Recommendation", "explain"]


@dataclass(frozen=True)
class Reason:
    """An item of the history and its effect on a recommendation.

    Attributes:
        item, title: Token and title (or the token).
        effect: The exact part of the score or the loss of score when the item is removed, in units of the score; the
            cosine similarity for nearest items.
        rank_without: Rank of the recommendation without the item; None if no item was removed.
    """

    item: str
    title: str
    effect: float
    rank_without: int | None = None


@dataclass(frozen=True)
class Recommendation:
    """A recommended item with its reasons.

    Attributes:
        rank: Rank, from 1.
        item, title: Token and title (or the token).
        score: The model's score.
        reasons: The strongest reasons, by decreasing effect.
        genres: Pairs of a genre of the item and the share of history items with that genre.
    """

    rank: int
    item: str
    title: str
    score: float
    reasons: tuple[Reason, ...]
    genres: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Explanation:
    """The explained recommendations of a user.

    Attributes:
        user, model: Token of the user and name of the model.
        kind: ``parts``, ``window``, ``row``, ``nearest`` or ``none``.
        how: The method and its meaning.
        history: Number of history items considered.
        recommendations: The recommendations, best first.
    """

    user: str
    model: str
    kind: str
    how: HowExplainable
    history: int
    recommendations: tuple[Recommendation, ...]


def _genres(history: np.ndarray, item: int, facts: Any) -> tuple[tuple[str, float], ...]:
    if facts is None or not len(history):
        return ()
    matrix, names = facts
    share = matrix[history].mean(axis=0)
    return tuple((names[column], float(share[column])) for column in np.flatnonzero(matrix[item]))


def _reasons(
    reading: Reading, column: int, count: int, tokens: np.ndarray, title: dict[str, str]
) -> tuple[Reason, ...]:
    effects = reading.effects[:, column]
    found = []
    for row in np.argsort(-effects, kind="stable")[:count]:
        if effects[row] <= 0:
            break
        token = str(tokens[reading.items[row]])
        rank = None if reading.ranks is None else int(reading.ranks[row, column])
        found.append(Reason(token, title.get(token, token), float(effects[row]), rank))
    return tuple(found)


def _recommendations(
    opened: OpenedRun,
    batch: EvaluationBatch,
    reading: Reading,
    items: np.ndarray,
    scores: np.ndarray,
    reasons: int,
) -> tuple[Recommendation, ...]:
    """Builds the recommended items, best first, with titles, reasons and genres."""
    file, tokens = opened.data.dataset.item_file, opened.data.split.interactions.item_tokens
    table = titles(file)
    title = (
        {}
        if table is None
        else {item: name for item, name in table.select("item_id", "title").iter_rows() if name}
    )
    facts, history = genre_matrix(file, tokens), batch.seen_items.numpy()
    return tuple(
        Recommendation(
            column + 1,
            str(tokens[item]),
            title.get(str(tokens[item]), str(tokens[item])),
            float(scores[column]),
            _reasons(reading, column, reasons, tokens, title),
            _genres(history, int(item), facts),
        )
        for column, item in enumerate(items)
        if item
    )


def explain(run: Path, user: str, *, top: int = 3, reasons: int = 5, trust: bool = False) -> Explanation:
    """Explains the best test recommendations of a user.

    Args:
        run: A run folder.
        user: Token of a test user.
        top: How many recommendations.
        reasons: At most so many items of the history each.
        trust: As in :func:`~recbole_ext.trainer.opened.open_model`.

    Raises:
        ConfigError: The user is not tested, or ``top`` is not positive or larger than the catalogue.
        CheckpointError: As :func:`~recbole_ext.trainer.opened.open_model`.
    """
    recommender = Recommender(open_model(run, trust=trust))
    opened = recommender.run
    catalogue = opened.data.dataset.item_num - 1
    if not 1 <= top <= catalogue:
        raise ConfigError(f"top is {top}: give a number from 1 to {catalogue}, the size of the catalogue")
    one = np.array([recommender.user(user)])
    lists = recommender.lists(one, k=top)
    items, best = lists.items[0], lists.scores[0]
    batch = next(recommender.phase.batches(one))
    with stage(f"explaining {pluralize(len(items), 'recommendation')}"), torch.no_grad():
        reading = read_history(opened, batch, items)
    shown = _recommendations(opened, batch, reading, items, best, reasons)
    how = how_read(reading.kind, opened.spec.explained)
    return Explanation(str(user), opened.spec.name, reading.kind, how, len(reading.items), shown)
