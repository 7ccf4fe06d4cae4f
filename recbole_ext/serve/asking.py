"""What both doors of the server, HTTP and tools, do with a request that is in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from recbole_ext.serve.forms import ExplainRequest, RecommendRequest
from recbole_ext.serve.state import Served, State

__all__ = ["RefusedError", "explain", "items", "recommend", "search", "served_by", "similar"]

_Answer = TypeVar("_Answer")

# What opens models is imported by the functions, since /live answers before that.


class RefusedError(Exception):
    """A request that is answered with an error.

    Attributes:
        status, code: Of the answer.
    """

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.code = status, code


def served_by(state: State, name: str | None) -> Served:
    """The model that a request names, or the first one.

    Raises:
        RefusedError: It is not there, or not yet.
    """
    models = state.models
    if not models:
        raise RefusedError(
            503, "not_ready", state.error or "the models are being opened: ask /ready when they are"
        )
    if name is None:
        return next(iter(models.values()))
    if name not in models:
        raise RefusedError(404, "no_model", f"there is no model {name!r}: choose one of {', '.join(models)}")
    return models[name]


async def _within(seconds: float, work: Awaitable[_Answer]) -> _Answer:
    """Waits for an answer no longer than a request may take.

    Raises:
        RefusedError: It took longer.
    """
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError:
        raise RefusedError(
            503, "too_slow", f"no answer within {seconds:g} seconds: ask for less, or later"
        ) from None


async def recommend(state: State, asked: RecommendRequest) -> dict[str, Any]:
    """A list; the form is ``RecommendAnswer``.

    Raises:
        RefusedError, RecBoleExtError: The request cannot be used, or takes too long.
    """
    from recbole_ext.serve.answering import recommend_answer, recommend_ask

    served = served_by(state, asked.model)
    ask = recommend_ask(asked, served.model)
    found = await _within(state.settings.time_limit, state.batcher.submit((served.model, ask)))
    served.shown.add(found.items)
    state.metrics.list(served.model.name, ask.person.basis)
    return recommend_answer(asked, served.model, ask, found)


async def explain(state: State, asked: ExplainRequest) -> dict[str, Any]:
    """Reasons; the form is ``ExplainAnswer``.

    Raises:
        RefusedError, RecBoleExtError: The request cannot be used, or takes too long.
    """
    from recbole_ext.serve.answering import explain_answer, explain_ask

    served = served_by(state, asked.model)
    ask = explain_ask(asked, served.model)
    found = await _within(state.settings.time_limit, state.batcher.submit((served.model, ask)))
    return explain_answer(asked, served.model, ask, found)


def search(state: State, model: str | None, text: str, k: int) -> dict[str, Any]:
    """Items by title, one with this token first; the form is ``ItemsAnswer``.

    Raises:
        RefusedError: There is no such model.
    """
    served = served_by(state, model)
    catalogue = served.model.catalogue
    own = catalogue.item(text.strip())
    titled = [item for item in catalogue.search.find(text, k) if item != own]
    found = titled if own is None else [own, *titled]
    return {"model": served.model.name, "items": [catalogue.shown[item] for item in found[:k]]}


def items(state: State, model: str | None, tokens: Sequence[str]) -> dict[str, Any]:
    """Items by their tokens; those that are none are left out. The form is ``ItemsAnswer``.

    Raises:
        RefusedError: There is no such model.
    """
    served = served_by(state, model)
    catalogue = served.model.catalogue
    found = [item for item in map(catalogue.item, tokens) if item is not None]
    return {"model": served.model.name, "items": [catalogue.shown[item] for item in found]}


def similar(state: State, model: str | None, token: str, k: int) -> dict[str, Any]:
    """Items like another one; the form is ``SimilarAnswer``.

    Raises:
        RefusedError: There is no such model or item.
    """
    served = served_by(state, model)
    catalogue = served.model.catalogue
    item = catalogue.item(token)
    if item is None:
        raise RefusedError(404, "no_item", f"there is no item {token!r}: search for it with /v1/items?q=")
    items, likeness = served.similar.of(item, k)
    pairs = zip(items.tolist(), likeness.tolist(), strict=True)
    return {
        "model": served.model.name,
        "item": catalogue.shown[item],
        "kind": served.similar.kind,
        "meaning": served.similar.meaning,
        "items": [{**catalogue.shown[one], "similarity": value} for one, value in pairs],
    }
