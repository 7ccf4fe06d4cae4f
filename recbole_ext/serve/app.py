"""The application: routes, errors in one form, and what happens at its start and end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recbole_ext import __version__
from recbole_ext.errors import RecBoleExtError
from recbole_ext.serve.asking import RefusedError
from recbole_ext.serve.guard import Guard
from recbole_ext.serve.page_routes import add_page
from recbole_ext.serve.routes import add_routes
from recbole_ext.serve.state import State

__all__ = ["create_app", "guarded_app"]

_ABOUT = "Recommendations of trained models, with reasons. Every error has a word for programs, a sentence and a field."


def create_app(state: State) -> FastAPI:
    """The application without its guard."""
    session: Callable[[], contextlib.AbstractAsyncContextManager[None]] | None = None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # The stages of opening are shown by whoever shows those of the command.
        shown = contextvars.copy_context()
        opening = threading.Thread(target=shown.run, args=(state.open,), name="opening", daemon=True)
        opening.start()
        if state.settings.workers > 1:
            # The other processes answer meanwhile; requests that came here would be refused.
            await asyncio.to_thread(opening.join)
            if not state.ready:
                raise RuntimeError(state.error)
            threading.Thread(target=state.follow, name="following", daemon=True).start()
        async with contextlib.AsyncExitStack() as tools:
            if session is not None:
                await tools.enter_async_context(session())
            yield
        await asyncio.to_thread(state.close)

    app = FastAPI(
        title="recbole_ext",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,  # their scripts come from other hosts
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    add_routes(app, state)
    if state.settings.mcp:
        from recbole_ext.serve.tools import add_tools

        session = add_tools(app, state)
    add_page(app)
    _add_errors(app)
    return app


def guarded_app(state: State) -> Guard:
    """The application as it is served."""
    return Guard(create_app(state), state.settings, state.metrics.request)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return _error(error.status, error.code, str(error))

    @app.exception_handler(RecBoleExtError)
    async def wrong(request: Request, error: RecBoleExtError) -> Response:
        return _error(422, "cannot_be_used", str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or None
        said = str(first["msg"]).removeprefix("Value error, ")
        return _error(422, str(first["type"]), f"{where or 'the request'}: {said}", where)

    @app.exception_handler(HTTPException)
    async def answered(request: Request, error: HTTPException) -> Response:
        words = {
            400: "the body is not JSON in UTF-8",
            404: "there is nothing at this address",
            405: "this address takes another method",
        }
        response = _error(error.status_code, "http", words.get(error.status_code, str(error.detail)))
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        # What happened is in the log of the server, never in the answer.
        return _error(500, "failed", "the server failed at this request: its log says why")


def _error(status: int, code: str, sentence: str, where: str | None = None) -> Response:
    content: dict[str, Any] = {"error": {"code": code, "message": sentence, "where": where}}
    return Response(to_json(content), status, media_type="application/json")
