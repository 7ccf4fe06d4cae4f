"""A run that is served: its model in memory, and lists and reasons for several people at once."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from recbole_ext.data.histories import Histories
from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.evaluator.groups import popularity_groups
from recbole_ext.evaluator.ranking import mask_scores_, refuse_nan, top_k
from recbole_ext.recommend.reasons import Reading, read_history, read_stranger
from recbole_ext.recommend.recommender import Recommender
from recbole_ext.rerank.apply import side_information
from recbole_ext.rerank.methods.candidates import Candidates
from recbole_ext.rerank.methods.side_information import ItemInformation, SideInformation, UserHistories
from recbole_ext.serve import fairness  # noqa: F401 (enters exposure into the table of re-rankers)
from recbole_ext.serve.items import Catalogue
from recbole_ext.serve.people import Basis, Person, Users, person_of_history
from recbole_ext.serve.rerankers import OneUser
from recbole_ext.serve.settings import Told
from recbole_ext.trainer.opened import open_model

__all__ = ["Ask", "Found", "ServedModel"]

_NOTHING = np.zeros(0, dtype=np.int64)


def _nothing() -> np.ndarray:
    return _NOTHING


@dataclass(frozen=True, eq=False)
class Ask:
    """A list that is asked for, or reasons for some items.

    Attributes:
        person: For whom.
        k: Length of the list.
        exclude_seen: Whether items of the history are no candidates.
        exclude: ``(n,) int64`` further items that are none.
        allowed: ``(n_items,) bool`` the only candidates; None for the whole catalogue.
        rerank: A re-ranker.
        explain: Whether the reasons of the list are asked for.
        items: ``(n,) int64`` items to explain in place of a list.
    """

    person: Person
    k: int
    exclude_seen: bool
    exclude: np.ndarray = field(default_factory=_nothing)
    allowed: np.ndarray | None = None
    rerank: OneUser | None = None
    explain: bool = False
    items: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What a model answers.

    Attributes:
        items: ``(n,) int64`` the list, the best first; at most k.
        scores: ``(n,) float64`` the model's; training interactions for the most popular items.
        before: ``(m,) int64`` the model's own list, where a re-ranker changed it.
        reading: What speaks for the items; None if nobody asked, or there is no history.
    """

    items: np.ndarray
    scores: np.ndarray
    before: np.ndarray
    reading: Reading | None = None


class ServedModel:
    """A run in memory. One thread at a time may call :meth:`answer`.

    Args:
        told: Name and folder.
        recommender: The opened run.
        catalogue: The items of its data.

    Attributes:
        fingerprint: SHA-256 of the weights and the configuration, in hexadecimal: which model gave a list.
    """

    def __init__(self, told: Told, recommender: Recommender, catalogue: Catalogue) -> None:
        self.name, self.folder = told.name, told.folder
        self.recommender, self.catalogue = recommender, catalogue
        self.run = recommender.run
        self.users = Users(recommender.phase, catalogue.counts)
        self.fingerprint = _fingerprint(told.folder)
        self.genres: np.ndarray | None = self.run.data.dataset.genres
        self.run.trainer.begin(recommender.phase)
        self.refused = ""
        try:
            self._reader = recommender.reader
        except ConfigError as error:
            self.refused = str(error)

    @classmethod
    def open(cls, told: Told, trust: bool, shelf: dict[str, Catalogue]) -> ServedModel:
        """Opens a run.

        Args:
            told: Name and folder.
            trust: As in :func:`~recbole_ext.trainer.opened.open_model`.
            shelf: Catalogues by fingerprint of the data and head rule, shared by models; a new one is added.

        Raises:
            CheckpointError: As :func:`~recbole_ext.trainer.opened.open_model`.
        """
        recommender = Recommender(open_model(told.folder, trust=trust))
        run = recommender.run
        rule = str(run.config["head_rule"])
        key = f"{run.metrics['fingerprint']} {rule} {run.data.dataset.item_file}"
        if key not in shelf:
            counts = run.data.split.train_counts()
            shelf[key] = Catalogue(
                recommender.names, counts, popularity_groups(counts, rule), Path(run.data.dataset.item_file)
            )
        return cls(told, recommender, shelf[key])

    @property
    def masks_seen(self) -> bool:
        """Whether the run's evaluation takes a person's own items out of the candidates."""
        return self.recommender.masks_seen

    @functools.cached_property
    def items_side(self) -> ItemInformation:
        """What re-rankers know of the items."""
        return side_information(self.recommender.phase.evidence).items

    def warm(self) -> None:
        """Makes what the first requests would wait for."""
        _ = self.catalogue.shown, self.catalogue.search, self.items_side
        person = self.users.person(self.users.tokens[0])
        self.answer([Ask(person, 1, self.masks_seen)])

    def person(self, user: str | None, history: Sequence[str] | None) -> Person:
        """A user of the data set by token, or somebody by their history; see :mod:`recbole_ext.serve.people`.

        Raises:
            DataError: An item of the history comes twice.
        """
        if user is not None:
            return self.users.person(user)
        return person_of_history(
            history or (),
            self.catalogue.names,
            self.catalogue.counts,
            repeats=not self.masks_seen,
            refused=self.refused,
        )

    def answer(self, asks: Sequence[Ask]) -> list[Found | Exception]:
        """Scores several people together and makes each list; an error is that of one of them alone."""
        with torch.no_grad():
            try:
                rows = self._scores([ask.person for ask in asks])
            except RecBoleExtError as error:
                if len(asks) == 1:
                    return [error]
                return [found for ask in asks for found in self.answer([ask])]
            return [self._found_or_error(ask, row) for ask, row in zip(asks, rows, strict=True)]

    def _scores(self, people: Sequence[Person]) -> list[torch.Tensor]:
        """``(n_items,)`` unmasked scores of each person; rows are shared."""
        places: dict[Basis, list[int]] = {}
        for place, one in enumerate(people):
            places.setdefault(one.basis, []).append(place)
        rows: dict[int, torch.Tensor] = {}
        for basis, some in places.items():
            rows.update(zip(some, self._rows(basis, [people[place] for place in some]), strict=True))
        return [rows[place] for place in range(len(people))]

    def _rows(self, basis: Basis, people: Sequence[Person]) -> Iterator[torch.Tensor]:
        """Scores of people of one basis, in their order."""
        if basis == "history":
            yield from self._reader.scores(_histories([one.history for one in people]))
        elif basis == "known_user":
            users = np.array([one.user for one in people], dtype=np.int64)
            for batch in self.recommender.phase.batches(users):
                yield from self.run.trainer.scores_of(batch)
        else:
            popular = torch.from_numpy(self.catalogue.counts.astype(np.float64))
            yield from (popular for _ in people)

    def _found_or_error(self, ask: Ask, row: torch.Tensor) -> Found | Exception:
        try:
            return self._found(ask, row)
        except RecBoleExtError as error:
            return error

    def _found(self, ask: Ask, row: torch.Tensor) -> Found:
        if ask.items is not None:
            scores = row[torch.from_numpy(ask.items)].double().cpu().numpy()
            return Found(ask.items, scores, _NOTHING, self._reading(ask, ask.items))
        masked = self._masked(ask, row.clone()[None])
        depth = ask.k if ask.rerank is None else max(ask.k, ask.rerank.depth)
        items, values = top_k(masked, min(depth, self.catalogue.n_items))
        refuse_nan(values[:, 0])
        best, scores = items.cpu().numpy(), values.double().cpu().numpy()
        there = int(np.count_nonzero(best[0]))
        k = min(ask.k, there)
        chosen, before = best[0, :k], _NOTHING
        if ask.rerank is not None and k:
            before, chosen = chosen, ask.rerank(Candidates(best, scores), self._side(ask.person), k)
            scores = masked[:, torch.from_numpy(chosen).to(masked.device)].double().cpu().numpy()
        reading = self._reading(ask, chosen) if ask.explain and k else None
        return Found(chosen, scores[0, :k], before, reading)

    def _masked(self, ask: Ask, scores: torch.Tensor) -> torch.Tensor:
        """``(1, n_items)`` scores, -inf where an item is no candidate."""
        out = [ask.exclude, ask.person.history if ask.exclude_seen else _NOTHING]
        items = torch.from_numpy(np.concatenate(out)).to(scores.device)
        mask_scores_(scores, torch.zeros_like(items), items)
        if ask.allowed is not None:
            scores[:, torch.from_numpy(~ask.allowed).to(scores.device)] = -torch.inf
        return scores

    def _side(self, person: Person) -> SideInformation:
        """What re-rankers look at: of a user the training part of the history, as in the test."""
        items = person.history
        if person.user:
            start, stop = self.run.data.split.before(1)
            items = self.run.data.split.interactions.items[start[person.user] : stop[person.user]].astype(
                np.int64
            )
        return SideInformation(self.items_side, UserHistories(np.array([0, len(items)]), items))

    def _reading(self, ask: Ask, items: np.ndarray) -> Reading | None:
        person = ask.person
        if person.basis == "fallback_popular":
            return None
        if person.user:
            batch = next(self.recommender.phase.batches(np.array([person.user])))
            return read_history(self.run, batch, items)
        seen = person.history if ask.exclude_seen else _NOTHING
        return read_stranger(self.run, self._reader, _histories([person.history]), items, seen)


def _histories(items: Sequence[np.ndarray]) -> Histories:
    lengths = np.array([len(one) for one in items])
    nobody = np.zeros(len(items), dtype=np.int64)
    return Histories(np.concatenate(items), np.concatenate([[0], np.cumsum(lengths)]), None, nobody)


def _fingerprint(folder: Path) -> str:
    found = hashlib.sha256()
    for name in ("config.yaml", "model.safetensors"):
        with (folder / name).open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
