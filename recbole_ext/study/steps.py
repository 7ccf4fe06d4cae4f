"""How far a study is: its trials, runs and curves as steps, and its cells."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from recbole_ext.progress import Stage, stage

__all__ = ["Steps", "steps_of"]


class Steps:
    """The steps of a study, each of which takes about as long as another.

    Args:
        shown: Counts the steps.
        cells: Number of runs.
    """

    def __init__(self, shown: Stage, cells: int) -> None:
        self._shown, self._cells, self._done = shown, cells, 0

    def took(self, steps: int = 1) -> None:
        """Some steps were made."""
        self._shown.advance(steps)

    def skipped(self, steps: int = 1) -> None:
        """Some steps were made by an earlier process, or are not needed: they say nothing of the time left."""
        self._shown.before += steps
        self._shown.advance(steps)

    def cell(self, computed: bool) -> None:
        """A run is there.

        Args:
            computed: Whether it was computed now.
        """
        self._done += 1
        self._shown.now = f"{self._done} of {self._cells} cells done"
        (self.took if computed else self.skipped)()


@contextlib.contextmanager
def steps_of(words: str, cells: int, others: int = 0) -> Iterator[Steps]:
    """Announces a study.

    Args:
        words: What is done: ``comparing 11 models,``.
        cells: Number of runs.
        others: Number of trials, curves and lists.
    """
    with stage(words, cells + others, "steps") as shown:
        shown.now = f"0 of {cells} cells done"
        yield Steps(shown, cells)
