"""What answers hold; OpenAPI describes them by these forms, and tests compare every answer with its form."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "CatalogueAnswer",
    "CurvesAnswer",
    "ErrorAnswer",
    "ExplainAnswer",
    "FeedbackAnswer",
    "HistoryAnswer",
    "ItemsAnswer",
    "ModelsAnswer",
    "RecommendAnswer",
    "ReloadAnswer",
    "SimilarAnswer",
    "UsersAnswer",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Popularity(_Answer):
    """How often an item occurs in training.

    Attributes:
        interactions: Training interactions.
        share: log(1 + interactions) over that of the most popular item.
        place: By popularity, from 1.
        group: By the model's head rule.
    """

    interactions: int
    share: float
    place: int
    group: Literal["head", "tail"]


class Item(_Answer):
    """An item of the catalogue; what the data does not know is null."""

    item: str
    title: str
    year: str | None
    imdb_id: str | None
    tmdb_id: str | None
    genres: list[str]
    popularity: Popularity


class Reason(_Answer):
    """An item of the history that speaks for a recommendation.

    Attributes:
        effect: In the unit of the score: a part of it, or what it loses without the item; a cosine for ``nearest``.
        rank_without: Place without the item; null if none was taken away.
    """

    item: str
    title: str
    effect: float
    rank_without: int | None


class GenreShare(_Answer):
    """A genre of an item, and the share of the history that has it."""

    genre: str
    share: float


class Place(Item):
    """A place of a list.

    Attributes:
        rank: From 1.
        score: The model's, whatever the order; training interactions where the basis is ``fallback_popular``.
        reasons: Null unless ``explain`` was asked for.
    """

    rank: int
    score: float
    reasons: list[Reason] | None
    genres_in_history: list[GenreShare] | None


class Unknown(_Answer):
    """A name of the history that is no item of the model's catalogue."""

    name: str
    reason: str


class HistoryGround(_Answer):
    """How much of the history the model knows.

    Attributes:
        given: Items that were named.
        known: Those that occur in the model's training.
        share_known: Their share; null where none was given.
    """

    given: int
    known: int
    share_known: float | None
    unknown: list[Unknown]


class Rerank(_Answer):
    """What a re-ranker did.

    Attributes:
        settings: The re-ranker.
        taken_out: Items of the model's own list that left it.
        put_in: Tokens of those that came.
    """

    settings: dict[str, Any]
    taken_out: list[Item]
    put_in: list[str]


class How(_Answer):
    """How reasons were found, and what they mean.

    Attributes:
        kind: ``parts``, ``window``, ``row``, ``nearest`` or ``none``.
    """

    kind: str
    method: str
    meaning: str
    history: int


class ExplainAnswer(_Answer):
    """Reasons of some items.

    Attributes:
        model, fingerprint: Who gave it.
        basis: ``known_user``, ``history``, or ``fallback_popular``: the most popular items, for the reason in ``why``.
    """

    model: str
    fingerprint: str
    basis: Literal["known_user", "history", "fallback_popular"]
    why: str | None
    history: HistoryGround
    items: list[Place]
    explained: How | None


class RecommendAnswer(ExplainAnswer):
    """A list, with its reasons where they were asked for.

    Attributes:
        list_id: For ``/v1/feedback``.
    """

    list_id: str
    rerank: Rerank | None


class ItemsAnswer(_Answer):
    """Items that were searched, or to start with."""

    model: str
    items: list[Item]


class SimilarItem(Item):
    """An item with its similarity to another one."""

    similarity: float


class SimilarAnswer(_Answer):
    """Similar items.

    Attributes:
        kind, meaning: How items are compared.
    """

    model: str
    item: Item
    kind: Literal["weights", "vectors", "together"]
    meaning: str
    items: list[SimilarItem]


class UserLine(_Answer):
    """A user, and the length of the history."""

    user: str
    items: int


class UsersAnswer(_Answer):
    """Some users of the data set."""

    model: str
    users: list[UserLine]


class HistoryAnswer(_Answer):
    """What a user had before the test, the oldest first; at most the last 1000."""

    model: str
    user: str
    items: list[Item]
    length: int


class ModelsAnswer(_Answer):
    """The models, in the order of the command; the first one answers where none is named.

    Attributes:
        feedback: Whether ``/v1/feedback`` keeps what is chosen.
    """

    models: list[dict[str, Any]]
    feedback: bool


class CurvesAnswer(_Answer):
    """The points of ``pareto`` of a model; ``points`` is null where the run has none."""

    model: str
    points: dict[str, Any] | None


class CataloguePart(_Answer):
    """A part of the catalogue, from popular to rare."""

    first_place: int
    items: int
    shown: int
    places: int
    tail: int


class CatalogueTail(_Answer):
    """The long tail."""

    items: int
    shown: int
    share_of_places: float | None


class CatalogueAnswer(_Answer):
    """What has been shown to anybody since the server was started.

    Attributes:
        coverage: Share of the catalogue that was shown.
        floor: The share that ought to be; null if nobody has said.
        random: Share that as many places filled at random are expected to show.
        places: Places of all lists together.
    """

    model: str
    items: int
    shown: int
    coverage: float
    floor: float | None
    random: float
    places: int
    tail: CatalogueTail
    head_rule: str
    parts: list[CataloguePart]


class ReloadAnswer(_Answer):
    """What a reload has opened.

    Attributes:
        models: Fingerprints by name.
        processes: Processes of the server that have them.
    """

    models: dict[str, str]
    processes: int


class FeedbackAnswer(_Answer):
    """What was kept.

    Attributes:
        id: Of the message.
        kept: Whether it is in the store; false while it waits in memory.
    """

    id: str
    kept: bool


class Error(_Answer):
    """What is wrong, in a sentence.

    Attributes:
        code: A word for programs.
        where: The field; null if it is not one.
    """

    code: str
    message: str
    where: str | None = None


class ErrorAnswer(_Answer):
    """An error."""

    error: Error
