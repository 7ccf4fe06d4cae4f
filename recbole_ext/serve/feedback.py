"""Feedback on its way to the store: written in groups by one thread, and never twice."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from recbole_ext.serve.feedback_store import FeedbackError, Message, Store
from recbole_ext.serve.forms import FeedbackRequest

__all__ = ["Feedback", "message_of"]

_TOGETHER = 500
_PATIENCE = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(eq=False)
class _Waiting:
    message: Message
    kept: Future[bool] = field(default_factory=Future)


def message_of(asked: FeedbackRequest, model: str, fingerprint: str, dataset: str) -> Message:
    """What is kept of a request."""
    return Message(
        asked.id or uuid.uuid4().hex,
        int(time.time()),
        model,
        fingerprint,
        dataset,
        asked.user or "",
        asked.list_id or "",
        json.dumps(asked.shown),
        json.dumps(asked.chosen),
    )


class Feedback:
    """Hands messages to a store.

    A store that buffers, such as PostgreSQL, may be away: up to ``bound`` messages wait in memory, and are written once
    it is back. Other stores keep a message before it is answered, or refuse it.

    Args:
        store: Where to.
        bound: Messages that may wait.
    """

    def __init__(self, store: Store, bound: int = 10_000) -> None:
        self._store, self._bound = store, bound
        self._waiting: deque[_Waiting] = deque()
        self._news = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="feedback", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Messages that are not in the store yet."""
        return len(self._waiting)

    async def keep(self, message: Message) -> bool:
        """Keeps a message.

        Returns:
            Whether it is in the store; False while it waits in memory for a store that is away.

        Raises:
            FeedbackError: It was not kept, and nothing waits.
        """
        one = _Waiting(message)
        with self._news:
            if self._ending or len(self._waiting) >= self._bound:
                waiting = len(self._waiting)
                raise FeedbackError(
                    f"feedback was not kept: {waiting:,} messages wait for a store that is away: send it later"
                )
            self._waiting.append(one)
            self._news.notify()
        answer = asyncio.wrap_future(one.kept)
        if not self._store.buffers:
            return await answer
        try:
            return await asyncio.wait_for(asyncio.shield(answer), _PATIENCE)
        except TimeoutError:
            return False

    def close(self, seconds: float = 5.0) -> int:
        """Writes what waits, and ends.

        Args:
            seconds: How long to try.

        Returns:
            Messages that are lost, since the store is still away.
        """
        with self._news:
            self._ending = True
            self._news.notify()
        self._thread.join(timeout=seconds)
        return len(self._waiting)

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._news:
                self._news.wait_for(lambda: bool(self._waiting) or self._ending)
                group = [self._waiting[place] for place in range(min(_TOGETHER, len(self._waiting)))]
            if not group:
                break
            try:
                self._store.add([one.message for one in group])
            except Exception as error:
                if self._store.buffers and isinstance(error, FeedbackError):
                    pause = min(_LONGEST_PAUSE, 2 * pause or _FIRST_PAUSE)
                    self._rest(pause)
                    continue
                self._done(group, error)
            else:
                pause = 0.0
                self._done(group, None)
        self._store.close()

    def _rest(self, seconds: float) -> None:
        """Waits before the next attempt, less long when the server ends."""
        with self._news:
            self._news.wait_for(lambda: self._ending, timeout=seconds)
        if self._ending:
            time.sleep(_FIRST_PAUSE)

    def _done(self, group: Sequence[_Waiting], error: Exception | None) -> None:
        with self._news:
            for _ in group:
                self._waiting.popleft()
        for one in group:
            if not one.kept.set_running_or_notify_cancel():
                continue
            if error is None:
                one.kept.set_result(True)
            else:
                one.kept.set_exception(error)
