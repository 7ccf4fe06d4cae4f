"""The interface: one function an address."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic_core import to_json
from starlette.responses import PlainTextResponse, Response

from recbole_ext.serve import answers as forms_of
from recbole_ext.serve import asking, limits
from recbole_ext.serve.asking import RefusedError, served_by
from recbole_ext.serve.feedback import message_of
from recbole_ext.serve.feedback_store import FeedbackError
from recbole_ext.serve.forms import (
    CatalogueQuery,
    ExplainRequest,
    FeedbackRequest,
    ModelQuery,
    Nothing,
    RecommendRequest,
    SearchQuery,
    SimilarQuery,
    TokensQuery,
    UsersQuery,
)
from recbole_ext.serve.state import State, memory_bytes

__all__ = ["add_routes"]

_Token = Annotated[str, Path(min_length=1, max_length=limits.NAME)]
_STARTERS = 10

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": forms_of.ErrorAnswer, "description": words}
    for status, words in (
        (400, "The body is not JSON."),
        (401, "The token is missing or wrong."),
        (404, "There is no such model, item or user."),
        (413, "The body is too large."),
        (422, "The request cannot be used."),
        (429, "Too many requests."),
        (503, "Not ready, or too busy."),
    )
}


def json_response(content: Any, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(to_json(content), status, media_type="application/json")


def add_routes(app: FastAPI, state: State) -> None:
    """Adds every address to the application."""
    _add_health(app, state)
    _add_feedback(app, state)
    _add_lists(app, state)
    _add_models(app, state)
    _add_items(app, state)
    _add_users(app, state)


def _add_health(app: FastAPI, state: State) -> None:
    @app.get("/live", summary="Whether the process answers", tags=["health"])
    async def live() -> Response:
        # A page that waits asks here, since browsers report every 503 of /ready as an error.
        return json_response({"live": True, "ready": state.ready, "error": state.error or None})

    @app.get(
        "/ready", summary="Whether the models are open", tags=["health"], responses={503: _PROBLEMS[503]}
    )
    async def ready() -> Response:
        served_by(state, None)
        return json_response({"ready": True, "models": list(state.models)})

    @app.get("/metrics", summary="Figures for Prometheus", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        waiting = 0 if state.feedback is None else state.feedback.waiting
        state.metrics.now(memory=memory_bytes(), ready=state.ready, waiting=waiting)
        text, kind = await asyncio.to_thread(state.metrics.text)
        return Response(text, headers={"content-type": kind})


def _add_feedback(app: FastAPI, state: State) -> None:
    @app.post(
        "/v1/feedback",
        response_model=forms_of.FeedbackAnswer,
        responses={
            **_PROBLEMS,
            202: {"model": forms_of.FeedbackAnswer, "description": "It waits in memory."},
        },
        summary="What was chosen of a list",
        tags=["lists"],
    )
    async def feedback(asked: FeedbackRequest, _: Annotated[Nothing, Query()]) -> Response:
        model = served_by(state, asked.model).model
        if state.feedback is None:
            raise RefusedError(
                503, "no_feedback", "this server keeps no feedback: start it with --feedback=FILE"
            )
        for token in asked.shown:
            if model.catalogue.item(token) is None:
                raise RefusedError(
                    422, "no_item", f"shown names {token!r}, which is no token of the catalogue"
                )
        message = message_of(asked, model.name, model.fingerprint, str(model.run.metrics["dataset"]))
        try:
            kept = await state.feedback.keep(message)
        except FeedbackError as error:
            state.metrics.feedback("refused")
            raise RefusedError(503, "not_kept", str(error)) from error
        state.metrics.feedback("kept" if kept else "waiting")
        return json_response({"id": message.id, "kept": kept}, 200 if kept else 202)


def _add_lists(app: FastAPI, state: State) -> None:
    @app.post(
        "/v1/recommend",
        response_model=forms_of.RecommendAnswer,
        responses=_PROBLEMS,
        summary="A list for a person",
        tags=["lists"],
    )
    async def recommend(asked: RecommendRequest, _: Annotated[Nothing, Query()]) -> Response:
        return json_response(await asking.recommend(state, asked))

    @app.post(
        "/v1/explain",
        response_model=forms_of.ExplainAnswer,
        responses=_PROBLEMS,
        summary="The reasons of some items",
        tags=["lists"],
    )
    async def explain(asked: ExplainRequest, _: Annotated[Nothing, Query()]) -> Response:
        return json_response(await asking.explain(state, asked))


def _add_models(app: FastAPI, state: State) -> None:
    @app.get(
        "/v1/models",
        response_model=forms_of.ModelsAnswer,
        responses=_PROBLEMS,
        summary="The models, as they describe themselves",
        tags=["models"],
    )
    async def models(_: Annotated[Nothing, Query()]) -> Response:
        served_by(state, None)
        cards = [one.card for one in state.models.values()]
        return json_response({"models": cards, "feedback": state.feedback is not None})

    @app.get(
        "/v1/curves",
        response_model=forms_of.CurvesAnswer,
        responses=_PROBLEMS,
        summary="What re-rankers cost and gain at each strength",
        tags=["models"],
    )
    async def curve(asked: Annotated[ModelQuery, Query()]) -> Response:
        served = served_by(state, asked.model)
        from recbole_ext.serve.card import curves

        return json_response({"model": served.model.name, "points": curves(served.model)})

    @app.get(
        "/v1/catalogue",
        response_model=forms_of.CatalogueAnswer,
        responses=_PROBLEMS,
        summary="What has been shown to anybody",
        tags=["models"],
    )
    async def catalogue(asked: Annotated[CatalogueQuery, Query()]) -> Response:
        served = served_by(state, asked.model)
        summary = served.shown.summary(asked.parts, state.settings.floor)
        return json_response({"model": served.model.name, **summary})

    @app.post(
        "/v1/reload",
        response_model=forms_of.ReloadAnswer,
        responses=_PROBLEMS,
        summary="Opens the same folders again",
        tags=["models"],
    )
    async def reload(_: Annotated[Nothing, Query()]) -> Response:
        served_by(state, None)
        models, processes = await asyncio.to_thread(state.reload)
        fingerprints = {name: one.model.fingerprint for name, one in models.items()}
        return json_response({"models": fingerprints, "processes": processes})


def _add_items(app: FastAPI, state: State) -> None:
    @app.get(
        "/v1/items",
        response_model=forms_of.ItemsAnswer,
        responses=_PROBLEMS,
        summary="Search of titles",
        tags=["items"],
    )
    async def search(asked: Annotated[SearchQuery, Query()]) -> Response:
        return json_response(asking.search(state, asked.model, asked.q, asked.k))

    @app.get(
        "/v1/cards",
        response_model=forms_of.ItemsAnswer,
        responses=_PROBLEMS,
        summary="Items by their tokens; those that are none are left out",
        tags=["items"],
    )
    async def cards(asked: Annotated[TokensQuery, Query()]) -> Response:
        return json_response(asking.items(state, asked.model, asked.item))

    @app.get(
        "/v1/items/{item}/similar",
        response_model=forms_of.SimilarAnswer,
        responses=_PROBLEMS,
        summary="Items like another one",
        tags=["items"],
    )
    async def similar(item: _Token, asked: Annotated[SimilarQuery, Query()]) -> Response:
        return json_response(asking.similar(state, asked.model, item, asked.k))

    @app.get(
        "/v1/starters",
        response_model=forms_of.ItemsAnswer,
        responses=_PROBLEMS,
        summary="Well-known items that tell tastes apart",
        tags=["items"],
    )
    async def start(asked: Annotated[ModelQuery, Query()]) -> Response:
        served = served_by(state, asked.model)
        shown = served.model.catalogue.shown
        from recbole_ext.serve.similar import starters

        items = [shown[item] for item in starters(served.model, _STARTERS).tolist()]
        return json_response({"model": served.model.name, "items": items})


def _add_users(app: FastAPI, state: State) -> None:
    @app.get(
        "/v1/users",
        response_model=forms_of.UsersAnswer,
        responses=_PROBLEMS,
        summary="Some users of the data set",
        tags=["users"],
    )
    async def users(asked: Annotated[UsersQuery, Query()]) -> Response:
        served = served_by(state, asked.model)
        everybody = served.model.users
        tokens = everybody.begin_with(asked.q, asked.k) if asked.q else everybody.some(asked.k)
        lines = [{"user": one, "items": len(everybody.history(everybody.id(one)))} for one in tokens]
        return json_response({"model": served.model.name, "users": lines})

    @app.get(
        "/v1/users/{user}",
        response_model=forms_of.HistoryAnswer,
        responses=_PROBLEMS,
        summary="What a user had, the oldest first",
        tags=["users"],
    )
    async def history(user: _Token, asked: Annotated[ModelQuery, Query()]) -> Response:
        served = served_by(state, asked.model)
        index = served.model.users.id(user)
        if not index:
            raise RefusedError(
                404, "no_user", f"there is no user {user!r} with a history: /v1/users has some"
            )
        items, shown = served.model.users.history(index), served.model.catalogue.shown
        return json_response(
            {
                "model": served.model.name,
                "user": user,
                "items": [shown[item] for item in items[-limits.HISTORY :].tolist()],
                "length": len(items),
            }
        )
