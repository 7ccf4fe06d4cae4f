"""Recommendations as tables: for a few people at once, or for all of them block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from recbole_ext.config.blocks import ExposureSettings
from recbole_ext.data.evidence import evidence_of
from recbole_ext.errors import ConfigError, DataError
from recbole_ext.evaluator.ranking import Lists
from recbole_ext.progress import stage
from recbole_ext.recommend.people import Known, People
from recbole_ext.recommend.recommender import Recommender, Scored
from recbole_ext.recommend.wish import Wish, check_wish
from recbole_ext.rerank.apply import exposure_solver, new_lists, side_information
from recbole_ext.rerank.checks import check_genres
from recbole_ext.rerank.exposure.candidates import BestUsers
from recbole_ext.rerank.methods.candidates import Candidates, row_blocks
from recbole_ext.rerank.methods.side_information import SideInformation, UserHistories

if TYPE_CHECKING:
    import torch

__all__ = ["recommended"]

_PEOPLE_AT_ONCE = 10_000


def recommended(recommender: Recommender, people: People, wish: Wish) -> Iterator[pl.DataFrame]:
    """The lists of some people, in blocks of people.

    A list has fewer than k items where a person has fewer candidates left.

    Args:
        recommender: The run.
        people: From it.
        wish: What is asked for. The re-ranker ``exposure`` is one problem over all people, so that its lists come in
            one block.

    Yields:
        Tables with ``user``, ``rank`` from 1, ``item`` (token), ``title`` (or the token, where an item has none) and
        ``score`` (the model's, also after a re-ranker).

    Raises:
        ConfigError: k is above the number of candidates, or as :func:`check_wish`.
        DataError: A candidate is no item, or the re-ranker looks at genres that are not there.
        RecBoleExtError: As :meth:`Recommender.best`.
    """
    check_wish(wish)
    scored = _scored(recommender, wish)
    if wish.rerank is not None:
        check_genres(wish.rerank, recommender.run.data.dataset.genres)
    together = isinstance(wish.rerank, ExposureSettings)
    size = len(people) if together else _PEOPLE_AT_ONCE
    with stage("recommending", total=len(people), unit="people") as recommending:
        for rows in row_blocks(len(people), 1, size):
            part = people.part(rows)
            yield _table(recommender, part, _lists(recommender, part, wish, scored), wish)
            recommending.advance(len(part))


def _scored(recommender: Recommender, wish: Wish) -> Scored:
    """The candidates, once it is clear that they fill a list."""
    exclude = recommender.masks_seen if wish.exclude_seen is None else bool(wish.exclude_seen)
    catalogue = len(recommender.names.tokens) - 1
    if wish.candidates is None:
        if wish.k > catalogue:
            raise ConfigError(f"k is {wish.k}, but the catalogue has {catalogue} items: give a smaller k")
        return Scored(exclude)
    if isinstance(wish.candidates, str):
        raise ConfigError(f"candidates is the text {wish.candidates!r}: give a list of items")
    try:
        items = np.unique(recommender.names.items(list(wish.candidates)))
    except DataError as error:
        raise DataError(f"candidates: {error}") from error
    if wish.k > len(items):
        raise ConfigError(
            f"k is {wish.k}, but there are {len(items)} candidates: give more candidates or a smaller k"
        )
    allowed = np.zeros(catalogue + 1, dtype=bool)
    allowed[items] = True
    return Scored(exclude, allowed)


def _lists(recommender: Recommender, people: People, wish: Wish, scored: Scored) -> Lists:
    """The best candidates, in the order of the re-ranker if there is one."""
    if wish.rerank is None:
        return recommender.best(people, wish.k, scored)
    n_items = len(recommender.names.tokens)
    together = isinstance(wish.rerank, ExposureSettings)
    best_users = BestUsers(n_items)

    def collect(rows: slice, scores: torch.Tensor) -> None:
        best_users.add(np.arange(rows.start, rows.stop), scores.double().cpu().numpy())

    pool = recommender.best(
        people, min(wish.rerank.candidates, n_items - 1), scored, collect if together else None
    )
    candidates, side = Candidates(pool.items, pool.scores), _side(recommender, people)
    solver = exposure_solver(candidates, side, wish.k, best_users.candidates()) if together else None
    new = new_lists(candidates, side, wish.k, wish.rerank, solver)
    return Lists(new.items, new.scores)


def _side(recommender: Recommender, people: People) -> SideInformation:
    """What a re-ranker looks at: the run's training part, and the people's own histories."""
    run = recommender.run
    users = people.users if isinstance(people, Known) else np.zeros(0, dtype=np.int64)
    evidence = evidence_of(
        run.data.split,
        recommender.phase.phase,
        users,
        head_rule=run.config["head_rule"],
        genres=run.data.dataset.genres,
        mask_seen=recommender.masks_seen,
    )
    side = side_information(evidence)
    if isinstance(people, Known):
        return side
    return SideInformation(side.items, UserHistories(people.histories.indptr, people.histories.items))


def _table(recommender: Recommender, people: People, lists: Lists, wish: Wish) -> pl.DataFrame:
    """One row a place of a list; places without an item are left out."""
    names, k = recommender.names, lists.items.shape[1]
    place = np.flatnonzero(lists.items.reshape(-1))
    items = lists.items.reshape(-1)[place]
    catalogue = {"item": pl.Series(names.tokens, dtype=pl.String)}
    if wish.with_titles:
        catalogue["title"] = pl.Series(names.shown, dtype=pl.String)
    columns = {name: values.gather(items) for name, values in catalogue.items()}
    return pl.DataFrame(
        {
            "user": people.names.gather(place // k),
            "rank": place % k + 1,
            **columns,
            "score": lists.scores.reshape(-1)[place],
        }
    )
