"""Requests that wait are answered together: one thread scores, and takes what has arrived meanwhile at once."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Batcher"]

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class _Waiting(Generic[AskT, AnswerT]):
    ask: AskT
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[AnswerT]


class Batcher(Generic[AskT, AnswerT]):
    """A thread that answers in batches.

    A request that comes alone is answered at once. While a batch is computed, others gather; after a batch of several
    the thread also waits ``window`` seconds for more, since others will come.

    Args:
        work: Answers some asks, each by an answer or an exception. Only this thread calls it.
        window: Seconds.
        most: Asks of a batch.
        seen: Told the size of each batch, and the seconds that it took.
    """

    def __init__(
        self,
        work: Callable[[Sequence[AskT]], Sequence[AnswerT | Exception]],
        *,
        window: float,
        most: int,
        seen: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._work, self._window, self._most, self._seen = work, window, most, seen
        self._queue: queue.SimpleQueue[_Waiting[AskT, AnswerT] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    async def submit(self, ask: AskT) -> AnswerT:
        """The answer, or the exception that it is."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting[AskT, AnswerT](ask, loop, loop.create_future())
        self._queue.put(waiting)
        return await waiting.answer

    def close(self) -> None:
        """Ends the thread once it has answered what is waiting."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        busy = False
        while (first := self._queue.get()) is not None:
            batch, ended = self._gathered(first, self._window if busy else 0.0)
            busy = len(batch) > 1
            began = time.perf_counter()
            try:
                answers = self._work([one.ask for one in batch])
            except Exception as error:
                answers = [error] * len(batch)
            self._seen(len(batch), time.perf_counter() - began)
            _deliver(batch, answers)
            if ended:
                return

    def _gathered(
        self, first: _Waiting[AskT, AnswerT], window: float
    ) -> tuple[list[_Waiting[AskT, AnswerT]], bool]:
        batch, until = [first], time.monotonic() + window
        while len(batch) < self._most:
            try:
                left = until - time.monotonic()
                one = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if one is None:
                return batch, True
            # Whoever has stopped waiting costs nothing more.
            if not one.answer.cancelled():
                batch.append(one)
        return batch, False


def _deliver(batch: Sequence[_Waiting[AskT, AnswerT]], answers: Sequence[AnswerT | Exception]) -> None:
    """Hands the answers to their loops, each in one call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[AnswerT], AnswerT | Exception]]] = {}
    for one, answer in zip(batch, answers, strict=True):
        by_loop.setdefault(one.loop, []).append((one.answer, answer))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has been closed, and nobody waits
            loop.call_soon_threadsafe(_hand_over, pairs)


def _hand_over(pairs: Sequence[tuple[asyncio.Future[AnswerT], AnswerT | Exception]]) -> None:
    for waiting, answer in pairs:
        if waiting.done():
            continue
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
