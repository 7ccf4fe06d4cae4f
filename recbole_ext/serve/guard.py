"""What stands before the interface: who may ask, how much and how often, and what every answer carries."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from recbole_ext.serve import limits
from recbole_ext.serve.settings import ServeSettings, is_loopback

__all__ = ["Guard"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLIENTS = 10_000
_TOO_LARGE = ("too_large", f"the body is longer than {limits.BODY:,} bytes: ask for less")
_OPEN = ("/live", "/ready", "/", "/favicon.ico")
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class _TooLargeError(Exception):
    """A body is larger than allowed."""


class Guard:
    """An ASGI application around another one.

    Args:
        app: The interface.
        settings: Token, rate and host.
        seen: Told the address, the status and the seconds of each request.
    """

    def __init__(self, app: App, settings: ServeSettings, seen: Callable[[str, int, float], None]) -> None:
        self._app, self._settings, self._seen = app, settings, seen
        self._local = is_loopback(settings.host)
        self._names = {"localhost", "127.0.0.1", "::1", settings.host}
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_HEADERS, *_kept(scope["path"])]}
            await send(message)

        try:
            await self._passed_on(scope, receive, sending)
        finally:
            # An address that is made up is not one more line of the figures.
            route = getattr(scope.get("route"), "path", "other")
            self._seen(route, status or 500, time.perf_counter() - began)

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None and scope["method"] not in ("GET", "HEAD"):
            try:
                receive = await asyncio.wait_for(_whole_body(receive), self._settings.time_limit)
            except _TooLargeError:
                refusal = (413, *_TOO_LARGE)
            except TimeoutError:
                refusal = (
                    408,
                    "too_slow",
                    f"the body took more than {self._settings.time_limit:g} seconds: repeat it",
                )
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _refuse(send, *refusal)

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        """Status, code and sentence; None for what may pass."""
        path = scope["path"]
        refusal = self._of_strangers(headers)
        if refusal is not None:
            return refusal
        if not (path in _OPEN or path.startswith("/static/")) and not self._known(headers):
            return 401, "no_token", "the token is missing or wrong: send Authorization: Bearer TOKEN"
        length = headers.get(b"content-length", "0")
        if not length.isdecimal() or int(length) > limits.BODY:
            return 413, *_TOO_LARGE
        client = scope["client"][0] if scope.get("client") else ""
        if self._settings.rate and path not in _OPEN and not self._may(client):
            return 429, "too_often", f"more than {self._settings.rate:g} requests a second: wait a moment"
        return None

    def _of_strangers(self, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
        """Refuses pages of others, which could ask in the name of whoever looks at them."""
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self._settings.token is None and self._local and _hostname(host) not in self._names:
            sentence = "this server answers to localhost alone: another name leads here by mistake"
            return 421, "strange_host", sentence
        if origin is not None and _place(origin) != host:
            return 403, "strange_origin", "a page of another origin asks: open the page of this server"
        return None

    def _known(self, headers: dict[bytes, str]) -> bool:
        """Whether a request carries the token, if one is needed."""
        token, given = self._settings.token, headers.get(b"authorization", "")
        return token is None or hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

    def _may(self, client: str) -> bool:
        """Whether a client has a request left: ``rate`` a second, and as many at once."""
        rate, now = self._settings.rate, time.monotonic()
        most = max(1.0, rate)
        left, before = self._left.pop(client, (most, now))
        left = min(most, left + (now - before) * rate)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return left >= 1


def _place(origin: str) -> str:
    """Host and port of an origin; empty for one without."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _hostname(host: str) -> str:
    """The name of a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _kept(path: str) -> tuple[tuple[bytes, bytes], ...]:
    """How long browsers keep an answer: not at all, but for files of the page, which they ask about."""
    return ((b"cache-control", b"no-cache" if path.startswith("/static/") else b"no-store"),)


async def _whole_body(receive: Receive) -> Receive:
    """Reads a body up to the limit, whatever its header says, and gives it again.

    Raises:
        _TooLargeError: It is longer.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _replayed([message], receive)
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limits.BODY:
            raise _TooLargeError
    return _replayed([{"type": "http.request", "body": body, "more_body": False}], receive)


def _replayed(messages: list[MutableMapping[str, Any]], receive: Receive) -> Receive:
    async def receiving() -> MutableMapping[str, Any]:
        return messages.pop(0) if messages else await receive()

    return receiving


async def _refuse(send: Send, status: int, code: str, sentence: str) -> None:
    body = json.dumps({"error": {"code": code, "message": sentence, "where": None}}).encode()
    more = [(b"www-authenticate", b"Bearer")] if status == 401 else []
    if status == 429:
        more.append((b"retry-after", b"1"))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
