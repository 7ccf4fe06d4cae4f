"""Clients that ask one server again and again over loopback, each with a connection that it keeps.

HTTP is written by hand: a general client costs as much as the server, and both share the cores here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Outcome", "ask", "get"]


@dataclass
class Outcome:
    """What clients met.

    Attributes:
        seconds: Of each answer with status 200.
        errors: Other statuses, and exceptions by name, with their number.
        lasted: Seconds from the first request to the last answer.
    """

    seconds: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    lasted: float = 0.0

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.lasted

    def ms(self, share: float) -> float:
        """Milliseconds within which a share of the answers came."""
        return 1000 * float(np.quantile(self.seconds, share)) if self.seconds else float("nan")


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    return status, await reader.readexactly(int(lower[start : lower.index(b"\r\n", start)]))


def _post(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _client(
    port: int, requests: Sequence[bytes], first: int, until: float, most: int, met: Outcome
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    place = first
    for _ in range(most):
        began = time.perf_counter()
        if began >= until:
            break
        try:
            status, _ = await _exchange(reader, writer, requests[place % len(requests)])
        except (OSError, asyncio.IncompleteReadError) as error:
            met.errors[type(error).__name__] = met.errors.get(type(error).__name__, 0) + 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        if status == 200:
            met.seconds.append(time.perf_counter() - began)
        else:
            met.errors[str(status)] = met.errors.get(str(status), 0) + 1
        place += 1
    writer.close()


def ask(
    port: int, path: str, bodies: Sequence[Any], *, clients: int, seconds: float, most: int = 10**9
) -> Outcome:
    """Posts bodies in turn.

    Args:
        port: Of the server.
        path: Where to.
        bodies: What is posted.
        clients: How many ask at once.
        seconds: How long.
        most: Requests of a client at most.
    """
    requests = [_post(path, body) for body in bodies]
    met = Outcome()

    async def everybody() -> None:
        until = time.perf_counter() + seconds
        step = max(1, len(requests) // clients)
        await asyncio.gather(
            *(_client(port, requests, step * number, until, most, met) for number in range(clients))
        )

    began = time.perf_counter()
    asyncio.run(everybody())
    met.lasted = time.perf_counter() - began
    return met


def get(port: int, path: str) -> tuple[int, bytes]:
    """One request by GET."""

    async def once() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"
            return await _exchange(reader, writer, request.encode())
        finally:
            writer.close()

    return asyncio.run(once())
