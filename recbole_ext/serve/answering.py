"""From requests to what a model is asked, and from what it finds to what is answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recbole_ext.errors import ConfigError
from recbole_ext.model.explainable import how_read
from recbole_ext.recommend.explain import genre_shares, strongest_reasons
from recbole_ext.recommend.reasons import Reading
from recbole_ext.serve.forms import ExplainRequest, RecommendRequest
from recbole_ext.serve.model import Ask, Found, ServedModel
from recbole_ext.serve.people import Person
from recbole_ext.serve.rerankers import one_user_reranker

__all__ = ["explain_answer", "explain_ask", "items_of", "recommend_answer", "recommend_ask"]

_NOTHING = np.zeros(0, dtype=np.int64)


def items_of(names: Sequence[str], model: ServedModel, what: str) -> np.ndarray:
    """``(n,) int64`` different items by token or title.

    Raises:
        ConfigError: A name is no item, or may be several.
    """
    if not names:
        return _NOTHING
    found = []
    for name in names:
        meant = model.catalogue.names.meant(name)
        if len(meant) != 1:
            why = "is no item of the catalogue" if not meant else f"may be one of {len(meant)} items"
            raise ConfigError(f"{what} names {name!r}, which {why}: name items by their tokens")
        found.append(meant[0])
    return np.unique(np.array(found, dtype=np.int64))


def recommend_ask(asked: RecommendRequest, model: ServedModel) -> Ask:
    """What a model is asked for a list.

    Raises:
        ConfigError, DataError: A name, the history or the re-ranker cannot be used.
    """
    person = model.person(asked.user, asked.history)
    allowed = None
    if asked.candidates is not None:
        allowed = np.zeros(model.catalogue.n_items + 1, dtype=bool)
        allowed[items_of(asked.candidates, model, "candidates")] = True
    return Ask(
        person,
        min(asked.k, model.catalogue.n_items),
        model.masks_seen if asked.exclude_seen is None else asked.exclude_seen,
        items_of(asked.exclude, model, "exclude"),
        allowed,
        None if asked.rerank is None else one_user_reranker(model, asked.rerank.block()),
        asked.explain,
    )


def explain_ask(asked: ExplainRequest, model: ServedModel) -> Ask:
    """What a model is asked for reasons.

    Raises:
        ConfigError, DataError: A name or the history cannot be used.
    """
    person = model.person(asked.user, asked.history)
    items = None if asked.items is None else items_of(asked.items, model, "items")
    k = min(asked.k, model.catalogue.n_items)
    return Ask(person, k, model.masks_seen, explain=True, items=items)


def recommend_answer(asked: RecommendRequest, model: ServedModel, ask: Ask, found: Found) -> dict[str, Any]:
    """A list as it is answered; the form is ``RecommendAnswer``."""
    shown = model.catalogue.shown
    rerank = None
    if asked.rerank is not None:
        kept, before = set(found.items.tolist()), set(found.before.tolist())
        rerank = {
            "settings": asked.rerank.block(),
            "taken_out": [shown[item] for item in found.before.tolist() if item not in kept],
            "put_in": [shown[item]["item"] for item in found.items.tolist() if item not in before],
        }
    return {
        "list_id": uuid.uuid4().hex,
        "model": model.name,
        "fingerprint": model.fingerprint,
        **ask.person.ground,
        "items": _places(model, ask.person, found, asked.reasons),
        "rerank": rerank,
        "explained": _how(model, found.reading),
    }


def explain_answer(asked: ExplainRequest, model: ServedModel, ask: Ask, found: Found) -> dict[str, Any]:
    """Reasons as they are answered; the form is ``ExplainAnswer``."""
    return {
        "model": model.name,
        "fingerprint": model.fingerprint,
        **ask.person.ground,
        "items": _places(model, ask.person, found, asked.reasons),
        "explained": _how(model, found.reading),
    }


def _places(model: ServedModel, person: Person, found: Found, reasons: int) -> list[Mapping[str, Any]]:
    shown, reading = model.catalogue.shown, found.reading
    pairs = zip(found.items.tolist(), found.scores.tolist(), strict=True)
    if reading is None:
        return [
            {**shown[item], "rank": place + 1, "score": score, "reasons": None, "genres_in_history": None}
            for place, (item, score) in enumerate(pairs)
        ]
    return [
        {
            **shown[item],
            "rank": place + 1,
            "score": score,
            "reasons": [
                {"item": one.item, "title": one.title, "effect": one.effect, "rank_without": one.rank_without}
                for one in strongest_reasons(reading, place, reasons, model.catalogue.names)
            ],
            "genres_in_history": [
                {"genre": name, "share": share}
                for name, share in genre_shares(person.history, item, model.catalogue.genres)
            ],
        }
        for place, (item, score) in enumerate(pairs)
    ]


def _how(model: ServedModel, reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    how = how_read(reading.kind, model.run.spec.explained)
    return {"kind": reading.kind, "method": how.method, "meaning": how.meaning, "history": len(reading.items)}
