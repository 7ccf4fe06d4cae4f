"""What is going on and how far: stages that any room announces, shown by whoever has asked to see them.

    with stage("testing", total=len(users), unit="users") as testing:
        for block in blocks:
            testing.advance(len(block))

Nothing is shown, and nearly nothing done, unless :func:`shown_by` is in effect: the command line does so.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

__all__ = ["Progress", "Stage", "is_shown", "shown_by", "stage", "tracked"]

_Part = TypeVar("_Part")


@dataclass
class Stage:
    """A piece of work that takes a while.

    Attributes:
        words: What is done, in the present participle: ``building EASE``.
        total: How many parts it has; None if nobody knows.
        unit: What the parts are, in the plural: ``users``.
        done: Parts that are finished.
        now: The part at work, or the newest figure; may be empty.
        before: Parts that were there already when it began, which say nothing of how long the others take.
        at_most: Whether ``total`` is a limit that is seldom reached, so that no time left can be told.
        began: When it began, by ``time.monotonic``.
    """

    words: str
    total: int | None = None
    unit: str = ""
    done: int = 0
    now: str = ""
    before: int = 0
    at_most: bool = False
    began: float = field(default_factory=time.monotonic)

    def advance(self, parts: int = 1, now: str | None = None) -> None:
        """Some parts are finished.

        Args:
            parts: How many.
            now: What is at work from here on; as before if None.
        """
        self.done += parts
        if now is not None:
            self.now = now
        _tell(self)

    def at(self, done: int, now: str | None = None) -> None:
        """So many parts are finished, in all."""
        self.advance(done - self.done, now)

    def left(self, time_now: float) -> float | None:
        """Seconds until the end, if the other parts take as long as those so far; None if nobody knows.

        Args:
            time_now: By the clock of ``began``.
        """
        new = self.done - self.before
        if self.total is None or self.at_most or new <= 0:
            return None
        return max(self.total - self.done, 0) * (time_now - self.began) / new


class Progress(Protocol):
    """Who shows stages. Stages are nested: the last one that began and has not ended is at work."""

    def begin(self, stage: Stage) -> None:
        """A stage has begun."""
        ...

    def update(self, stage: Stage) -> None:
        """A stage has gone on."""
        ...

    def end(self, stage: Stage) -> None:
        """A stage has ended, well or not."""
        ...


_shown: ContextVar[Progress | None] = ContextVar("recbole_ext.progress", default=None)


def is_shown() -> bool:
    """Whether somebody shows the stages."""
    return _shown.get() is not None


@contextlib.contextmanager
def shown_by(progress: Progress) -> Iterator[None]:
    """Shows the stages that begin in the block."""
    token = _shown.set(progress)
    try:
        yield
    finally:
        _shown.reset(token)


@contextlib.contextmanager
def stage(
    words: str, total: int | None = None, unit: str = "", *, at_most: bool = False, before: int = 0
) -> Iterator[Stage]:
    """Announces a piece of work for as long as the block runs.

    Args:
        words: What is done: ``building EASE``.
        total: How many parts it has, if that is known.
        unit: What the parts are, in the plural.
        at_most, before: As in :class:`Stage`.
    """
    one = Stage(words, total, unit, done=before, before=before, at_most=at_most)
    progress = _shown.get()
    if progress is None:
        yield one
        return
    progress.begin(one)
    try:
        yield one
    finally:
        progress.end(one)


def tracked(parts: Iterable[_Part], words: str, total: int | None = None, unit: str = "") -> Iterator[_Part]:
    """Announces a loop, and each part of it as finished when the next one is asked for.

    Args:
        parts: What is looped over.
        words, total, unit: As in :func:`stage`.
    """
    with stage(words, total, unit) as one:
        for part in parts:
            yield part
            one.advance()


def _tell(one: Stage) -> None:
    progress = _shown.get()
    if progress is not None:
        progress.update(one)
