"""The page: files of the package under ``/static/``, named beforehand, so that no path comes from a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources

from fastapi import FastAPI
from starlette.responses import Response

__all__ = ["add_page"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_INDEX = "index.html"


def add_page(app: FastAPI) -> None:
    """Adds ``/`` and the files beside it; nothing where the package has none."""
    for name, content, kind in _files():
        path = "/" if name == _INDEX else f"/static/{name}"
        app.add_api_route(
            path, _fixed(content, kind), methods=["GET"], include_in_schema=False, name=f"page {name}"
        )


def _files() -> list[tuple[str, bytes, str]]:
    """Name, content and type of each file of the page."""
    found = []
    for file in sorted(
        resources.files("recbole_ext.serve").joinpath("page").iterdir(), key=lambda one: one.name
    ):
        ending = f".{file.name.rpartition('.')[2]}"
        if ending in _TYPES:
            found.append((file.name, file.read_bytes(), _TYPES[ending]))
    return found


def _fixed(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Response(content, media_type=kind)

    return answer
