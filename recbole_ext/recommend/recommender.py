"""Recommendation lists of a trained run, with the scores, candidates and top-K of its test."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recbole_ext.data.dataloader import EvaluationBatch, EvaluationLoader
from recbole_ext.data.features import genre_matrix, titles_and_years
from recbole_ext.data.histories import Histories
from recbole_ext.errors import ConfigError, DataError, nearest
from recbole_ext.evaluator.ranking import Lists, best_candidates, mask_scores_, refuse_nan
from recbole_ext.model.fold_in import HistoryReader
from recbole_ext.recommend.people import Known, People, Strangers, known_users, strangers, strangers_of_events
from recbole_ext.recommend.titles import ItemNames
from recbole_ext.trainer.opened import OpenedRun

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Recommender", "Scored"]

Visit = Callable[[slice, torch.Tensor], None]
"""Receives the rows of some people, and their ``(B, n_items)`` scores, -inf where an item is no candidate."""


@dataclass(frozen=True)
class Scored:
    """What may be recommended.

    Attributes:
        exclude_seen: Whether an item of a person's history is no candidate.
        allowed: ``(n_items,) bool``; None for the whole catalogue.
    """

    exclude_seen: bool
    allowed: np.ndarray | None = None


@dataclass(frozen=True)
class _HistoryBatch:
    """Some people, by their histories."""

    users: np.ndarray
    histories: Histories


class Recommender:
    """Recommends with the candidates and tie-breaking of a run's evaluation.

    Args:
        run: From :func:`~recbole_ext.trainer.opened.open_model`.
        phase: The phase that supplies users and histories; the test if None.
    """

    def __init__(self, run: OpenedRun, phase: EvaluationLoader | None = None) -> None:
        self.run = run
        self.phase = run.data.test if phase is None else phase

    @functools.cached_property
    def names(self) -> ItemNames:
        """The catalogue by token and title."""
        data = self.run.data
        return ItemNames(data.split.interactions.item_tokens, titles_and_years(data.dataset.item_file))

    @functools.cached_property
    def genres(self) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """``(n_items, G)`` of 0 and 1, and the names of the genres; None where the data set has none."""
        return genre_matrix(self.run.data.dataset.item_file, self.names.tokens)

    @functools.cached_property
    def reader(self) -> HistoryReader:
        """Scores histories that the model was not trained on.

        Raises:
            ConfigError: The model reads no other histories.
        """
        self.run.trainer.begin(self.phase)
        return HistoryReader(self.run.trainer.model, self.run.data.dataset, self.run.config)

    @property
    def masks_seen(self) -> bool:
        """Whether the run's evaluation takes a user's earlier items out of the candidates."""
        return bool(self.run.config["mask_seen"])

    def user(self, token: str) -> int:
        """Returns the internal id of a user of the phase.

        Raises:
            ConfigError: The user is not in the phase.
        """
        tokens = self.run.data.split.interactions.user_tokens
        found = np.flatnonzero(tokens.astype(str) == str(token))
        if not len(found) or int(found[0]) not in self.phase.users:
            known = [str(name) for name in tokens[self.phase.users]]
            raise ConfigError(
                f"user {token!r} is not a test user of {self.run.folder}{nearest(str(token), known)}: give a token of "
                f"the data set, such as --user={known[0]}"
            )
        return int(found[0])

    def known(self, tokens: Sequence[Any] | None) -> Known:
        """Users of the data set by token; those of the phase if None. As :func:`known_users`."""
        return known_users(self.phase, tokens, str(self.run.folder))

    def strangers(self, histories: Sequence[Any] | Mapping[Any, Sequence[Any]]) -> Strangers:
        """People by their histories.

        Raises:
            DataError: As :func:`~recbole_ext.recommend.people.strangers`, or nothing of a history occurs in training.
        """
        return self._learnt(strangers(histories, self.names, repeats=not self.masks_seen))

    def strangers_of_events(self, events: pl.DataFrame) -> Strangers:
        """People by a table.

        Raises:
            DataError: As :func:`~recbole_ext.recommend.people.strangers_of_events`, or nothing of a history occurs in
                training.
        """
        return self._learnt(strangers_of_events(events, self.names, repeats=not self.masks_seen))

    def _learnt(self, people: Strangers) -> Strangers:
        """Refuses a history that says nothing to the model: every item would have the same score, or a random one."""
        histories = people.histories
        learnt = self._train_counts[histories.items] > 0
        nothing = np.flatnonzero(np.bincount(histories.rows, weights=learnt, minlength=len(people)) == 0)
        if len(nothing):
            place = int(nothing[0])
            item = self.names.title(int(histories.items[histories.indptr[place]]))
            raise DataError(
                f"the history of {people.names[place]!r} has no item that occurs in training (its first one is "
                f"{item!r}): add one that does"
            )
        return people

    @functools.cached_property
    def _train_counts(self) -> np.ndarray:
        return self.run.data.split.train_counts()

    def lists(self, users: np.ndarray | None = None, *, k: int) -> Lists:
        """Returns the k best candidates of users, best first, ties by the smaller item id.

        Args:
            users: ``(U,) int64`` internal ids of users of the phase; all of them if None.
            k: Length of the lists.

        Raises:
            ConfigError: k is below 1 or larger than the catalogue.
        """
        return self.run.lists(self.phase, k, users=users)

    def best(self, people: People, k: int, scored: Scored, visit: Visit | None = None) -> Lists:
        """The k best candidates of some people, best first, ties by the smaller item id.

        Args:
            people: From :meth:`known` or :meth:`strangers`.
            k: Length of the lists; item 0 fills those of people with fewer candidates.
            scored: What may be recommended.
            visit: Sees the scores of each batch while they are in memory.

        Raises:
            ConfigError: k is below 1 or larger than the catalogue.
            RecBoleExtError: The model gives NaN as a score, or cannot score people whom it was not trained on.
        """
        self.run.trainer.begin(self.phase)

        def seen_by(rows: slice, _: Any, scores: torch.Tensor, values: torch.Tensor) -> None:
            refuse_nan(values[:, 0])
            if visit is not None:
                visit(rows, scores)

        if isinstance(people, Known):
            batches = self.phase.batches(people.users)
            return best_candidates(batches, self._of_users(scored), len(people), k, seen_by)
        return best_candidates(self._batches(people), self._of_histories(scored), len(people), k, seen_by)

    def _of_users(self, scored: Scored) -> Callable[[EvaluationBatch], torch.Tensor]:
        @torch.no_grad()
        def scores_of(batch: EvaluationBatch) -> torch.Tensor:
            return _masked(self.run.trainer.scores_of(batch), batch.seen_rows, batch.seen_items, scored)

        return scores_of

    def _of_histories(self, scored: Scored) -> Callable[[_HistoryBatch], torch.Tensor]:
        reader = self.reader

        def scores_of(batch: _HistoryBatch) -> torch.Tensor:
            histories = batch.histories
            seen = torch.from_numpy(histories.rows), torch.from_numpy(histories.items)
            return _masked(reader.scores(histories), *seen, scored)

        return scores_of

    def _batches(self, people: Strangers) -> Iterator[_HistoryBatch]:
        """People in batches of the size that the evaluation takes."""
        for start in range(0, len(people), self.phase.batch_size):
            histories = people.part(slice(start, min(start + self.phase.batch_size, len(people)))).histories
            yield _HistoryBatch(histories.users, histories)


def _masked(
    scores: torch.Tensor, seen_rows: torch.Tensor, seen_items: torch.Tensor, scored: Scored
) -> torch.Tensor:
    """``(B, n_items)`` scores, -inf where an item is no candidate."""
    seen = (seen_rows, seen_items) if scored.exclude_seen else (None, None)
    mask_scores_(scores, *(pair.to(scores.device) if pair is not None else None for pair in seen))
    if scored.allowed is not None:
        scores[:, torch.from_numpy(~scored.allowed).to(scores.device)] = -torch.inf
    return scores
