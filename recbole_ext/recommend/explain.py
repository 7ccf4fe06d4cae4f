"""Explanations of recommendations: exact parts of a score, the effect of removing an item, or the nearest items.

The method depends on the model, and every explanation names it. Linear and nearest-neighbour models give exact parts
that sum to the score. A model that reads the history is scored again without each item. A model that represents the
user only by a vector has no history to edit, so only similar items are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recbole_ext.config.messages import pluralize
from recbole_ext.config.safe_text import visible
from recbole_ext.errors import ConfigError
from recbole_ext.evaluator.ranking import Lists
from recbole_ext.model.explainable import HowExplainable, how_read
from recbole_ext.progress import stage
from recbole_ext.recommend.people import Strangers
from recbole_ext.recommend.reasons import Reading, read_history, read_stranger
from recbole_ext.recommend.recommender import Recommender, Scored
from recbole_ext.recommend.titles import ItemNames
from recbole_ext.trainer.opened import open_model

__all__ = [
    "Explanation",
    "Reason",
    "Recommendation",
    "explain",
    "explain_stranger",
    "explain_user",
    "explanation_lines",
    "genre_shares",
    "strongest_reasons",
]


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
    """The explained recommendations of one person.

    Attributes:
        user: Token of the user; None for a person who is known by a history alone.
        model: Name of the model.
        kind: ``parts``, ``window``, ``row``, ``nearest`` or ``none``.
        how: The method and its meaning.
        history: Number of history items considered.
        recommendations: The recommendations, best first.
    """

    user: str | None
    model: str
    kind: str
    how: HowExplainable
    history: int
    recommendations: tuple[Recommendation, ...]

    def __str__(self) -> str:
        return visible("\n".join(explanation_lines(self)))


def genre_shares(
    history: np.ndarray, item: int, facts: tuple[np.ndarray, tuple[str, ...]] | None
) -> tuple[tuple[str, float], ...]:
    """Pairs of a genre of an item and the share of history items with that genre.

    Args:
        history: ``(H,) int64`` items.
        item: The item.
        facts: From :func:`~recbole_ext.data.features.genre_matrix`.
    """
    if facts is None or not len(history):
        return ()
    matrix, names = facts
    share = matrix[history].mean(axis=0)
    return tuple((names[column], float(share[column])) for column in np.flatnonzero(matrix[item]))


def strongest_reasons(reading: Reading, column: int, count: int, names: ItemNames) -> tuple[Reason, ...]:
    """The items of a history that speak most for a recommendation.

    Args:
        reading: Of some recommendations.
        column: Which of them.
        count: At most so many.
        names: The catalogue.
    """
    effects = reading.effects[:, column]
    found = []
    for row in np.argsort(-effects, kind="stable")[:count]:
        if effects[row] <= 0:
            break
        item = int(reading.items[row])
        rank = None if reading.ranks is None else int(reading.ranks[row, column])
        found.append(Reason(str(names.tokens[item]), names.title(item), float(effects[row]), rank))
    return tuple(found)


def _recommendations(
    recommender: Recommender, history: np.ndarray, reading: Reading, lists: Lists, reasons: int
) -> tuple[Recommendation, ...]:
    """Builds the recommended items of one person, best first, with titles, reasons and genres."""
    names = recommender.names
    facts = recommender.genres
    return tuple(
        Recommendation(
            column + 1,
            str(names.tokens[item]),
            names.title(int(item)),
            float(lists.scores[0, column]),
            strongest_reasons(reading, column, reasons, names),
            genre_shares(history, int(item), facts),
        )
        for column, item in enumerate(lists.items[0])
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
    return explain_user(Recommender(open_model(run, trust=trust)), user, top=top, reasons=reasons)


def _check_top(recommender: Recommender, top: int) -> None:
    catalogue = len(recommender.names.tokens) - 1
    if isinstance(top, bool) or not isinstance(top, (int, np.integer)) or not 1 <= top <= catalogue:
        raise ConfigError(
            f"{top!r} recommendations are asked for: give a number from 1 to {catalogue}, the size of the catalogue"
        )


def explain_user(recommender: Recommender, user: str, *, top: int = 3, reasons: int = 5) -> Explanation:
    """Explains the best test recommendations of a user of an opened run; otherwise as :func:`explain`."""
    opened = recommender.run
    _check_top(recommender, top)
    one = np.array([recommender.user(user)])
    lists = recommender.lists(one, k=top)
    batch = next(recommender.phase.batches(one))
    with stage(f"explaining {pluralize(top, 'recommendation')}"), torch.no_grad():
        reading = read_history(opened, batch, lists.items[0])
    shown = _recommendations(recommender, batch.seen_items.numpy(), reading, lists, reasons)
    how = how_read(reading.kind, opened.spec.explained)
    return Explanation(str(user), opened.spec.name, reading.kind, how, len(reading.items), shown)


def explain_stranger(
    recommender: Recommender, person: Strangers, *, top: int = 3, reasons: int = 5
) -> Explanation:
    """Explains the best recommendations for one person who is known by a history.

    Args:
        recommender: An opened run.
        person: From :meth:`Recommender.strangers`; the first one counts.
        top, reasons: As in :func:`explain`.

    Raises:
        ConfigError: ``top`` cannot be used, or the model reads no history but those of its training.
    """
    opened = recommender.run
    _check_top(recommender, top)
    person = person.part(slice(0, 1))
    masked = recommender.masks_seen
    lists = recommender.best(person, top, Scored(masked))
    history = person.histories.items
    with stage(f"explaining {pluralize(top, 'recommendation')}"), torch.no_grad():
        reading = read_stranger(
            opened, recommender.reader, person.histories, lists.items[0], history if masked else history[:0]
        )
    shown = _recommendations(recommender, history, reading, lists, reasons)
    how = how_read(reading.kind, opened.spec.explained)
    return Explanation(None, opened.spec.name, reading.kind, how, len(reading.items), shown)


def _reason_lines(one: Recommendation, kind: str) -> list[str]:
    lines = []
    for reason in one.reasons:
        words = {
            "parts": f"{reason.effect:+.4f}",
            "nearest": f"similarity {reason.effect:.2f}",
        }.get(kind, f"{reason.effect:+.4f}; without it place {reason.rank_without}")
        lines.append(f"     {reason.title}: {words}")
    return lines


def explanation_lines(explanation: Explanation) -> list[str]:
    """A few lines for each recommendation, under what the method means."""
    items = pluralize(explanation.history, "item")
    # Without per-item effects, the number of history items is meaningless.
    looked_at = "" if explanation.kind == "none" else f", from {items} of the history"
    who = "a history" if explanation.user is None else f"user {explanation.user}"
    lines = [
        f"{explanation.model}, {who}: {explanation.how.method}{looked_at}",
        explanation.how.meaning,
    ]
    for one in explanation.recommendations:
        lines += [
            "",
            f"{one.rank:>3}. {one.title} (score {one.score:.4f})",
            *_reason_lines(one, explanation.kind),
        ]
        if explanation.kind == "parts" and one.reasons:
            rest = one.score - sum(reason.effect for reason in one.reasons)
            # Rounded before its sign is shown: nothing is left of a short history.
            lines.append(f"     everything else together: {round(rest, 4) + 0.0:+.4f}")
        if not one.reasons and explanation.kind != "none":
            single = "the history has one item: nothing can be taken away"
            lines.append(f"     {'no item of the history speaks for it' if explanation.history else single}")
        if one.genres:
            shares = ", ".join(f"{name} {share:.0%}" for name, share in one.genres)
            lines.append(f"     its genres in the history: {shares}")
    return lines
