"""Stages as people see them: living lines in a terminal; in a log a plain line wherever it would fall silent.

A line of a log begins with ``...`` and goes to standard error, so that results can be piped. It is written when nothing
else was for 1.6 seconds; a command of more than four minutes speaks less often, every 30 seconds at least.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from recbole_ext.config.safe_text import mask_secrets, visible
from recbole_ext.progress import Stage, shown_by, stage

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

__all__ = ["Board", "PlainLines", "Terminal", "board", "importing", "on_board"]

_SHORTEST, _LONGEST = 1.6, 30.0
# After so many times the shortest pause, pauses grow with the time that the command has taken.
_PATIENCE = 150
_STEP = 0.2
_SHOWN = 3


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _described(one: Stage, time_now: float, innermost: bool) -> str:
    """A stage in words: ``testing 300 of 943 users, 4 s, about 9 s left``."""
    unit = f" {one.unit}" if one.unit else ""
    words = one.words
    if one.total is not None:
        words += f" {one.done:,} of {'at most ' if one.at_most else ''}{one.total:,}{unit}"
    elif one.done:
        words += f" {one.done:,}{unit}"
    left = one.left(time_now)
    rest = [
        one.now,
        _duration(time_now - one.began) if innermost and time_now - one.began >= 1 else "",
        f"about {_duration(left)} left" if left is not None and left >= 1 else "",
    ]
    return ", ".join(filter(None, [words, *rest]))


class Board:
    """The stages that have begun and not ended, the outermost first.

    Args:
        clock: Seconds, as of ``time.monotonic``, by which stages are dated.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._stages: list[Stage] = []

    def begin(self, stage: Stage) -> None:
        """A stage has begun."""
        stage.began = self.clock()
        self._stages.append(stage)

    def update(self, stage: Stage) -> None:
        """A stage has gone on."""

    def end(self, stage: Stage) -> None:
        """A stage has ended; one that a loop has left unfinished may end later than those around it."""
        self._stages = [other for other in self._stages if other is not stage]

    def spoke(self) -> None:
        """Something else was shown."""

    def rest(self) -> None:
        """The command waits for others from here on, and its silence means that all is well."""

    def at_once(self) -> None:
        """What comes next may keep this from being shown: it is shown now."""

    def close(self) -> None:
        """Nothing more is shown."""

    def lines(self) -> list[str]:
        """A line for each stage, the outermost first."""
        time_now, stages = self.clock(), list(self._stages)
        told = (_described(one, time_now, one is stages[-1]) for one in stages)
        return [" ".join(mask_secrets(visible(one)).split()) for one in told]


class PlainLines(Board):
    """A line where a log would fall silent.

    Args:
        write: Writes a line.
        clock: As in :class:`Board`.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._write = write
        self._start = self._last = clock()
        self._resting = False

    def begin(self, stage: Stage) -> None:
        """A stage has begun; it is shown at once if the silence has lasted a while."""
        super().begin(stage)
        if self.clock() - self._last >= self._gap() / 2:
            self.at_once()

    def tick(self) -> None:
        """Called every now and then, by whichever thread."""
        if not self._resting and self.clock() - self._last >= self._gap():
            self.at_once()

    def spoke(self) -> None:
        """Something else was shown."""
        self._last = self.clock()

    def rest(self) -> None:
        """Writes no line for silence any more."""
        self._resting = True

    def at_once(self) -> None:
        """Writes the line."""
        self._last = self.clock()
        lines = self.lines() or ["at work"]
        # The command as a whole, and what is at work now.
        shown = lines if len(lines) <= _SHOWN else [lines[0], *lines[1 - _SHOWN :]]
        self._write(f"... {' > '.join(shown)}")

    def _gap(self) -> float:
        """Seconds of silence that are too long: a study of hours may speak less often than a command of seconds."""
        return min(max(_SHORTEST, (self.clock() - self._start) / _PATIENCE), _LONGEST)


class Terminal(Board):
    """Living lines below what is printed, one for each stage.

    Args:
        console: Of the terminal.
        clock: As in :class:`Board`.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.console = console
        self._live: Live | None = None

    def begin(self, stage: Stage) -> None:
        """A stage has begun; the first one lights the lines."""
        super().begin(stage)
        if self._live is None:
            from rich.live import Live
            from rich.spinner import Spinner
            from rich.text import Text

            spinner = Spinner("line")

            def drawn() -> Spinner:
                lines = "\n".join(f"{'  ' * depth}{line}" for depth, line in enumerate(self.lines()))
                spinner.update(text=Text(lines, no_wrap=True, overflow="ellipsis"))
                return spinner

            self._live = Live(
                get_renderable=drawn, console=self.console, transient=True, refresh_per_second=5
            )
            self._live.start()

    def end(self, stage: Stage) -> None:
        """A stage has ended; with the outermost one the lines disappear."""
        super().end(stage)
        if not self._stages:
            self.close()

    def print_above(self, text: str, err: bool) -> bool:
        """Prints a text above the lines, if it goes where they are.

        Args:
            text: What is printed.
            err: Whether it goes to standard error.

        Returns:
            Whether it was printed.
        """
        if self._live is None or self.console.stderr != err:
            return False
        from rich.text import Text

        self.console.print(Text(text), soft_wrap=True)
        return True

    def at_once(self) -> None:
        """Draws the lines."""
        if self._live is not None:
            self._live.refresh()

    def close(self) -> None:
        """Removes the lines."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()


_boards: list[Board] = []


def board() -> Board | None:
    """What shows the stages of the running command."""
    return _boards[-1] if _boards else None


def _new_board() -> Board:
    usable = os.environ.get("TERM", "") not in ("", "dumb")
    for stream, err in ((sys.stdout, False), (sys.stderr, True)):
        if usable and stream is not None and stream.isatty():
            from rich.console import Console

            return Terminal(Console(stderr=err, highlight=False, soft_wrap=True))
    return PlainLines(_write)


def _write(line: str) -> None:
    import click

    # The reader of a pipe may have gone; the command itself will notice.
    with contextlib.suppress(OSError, ValueError):
        click.echo(line, err=True)


@contextlib.contextmanager
def on_board() -> Iterator[Board]:
    """Shows the stages of a command while the block runs."""
    shown = _new_board()
    ended = threading.Event()

    def watch(lines: PlainLines) -> None:
        while not ended.wait(_STEP):
            lines.tick()

    watcher = None
    if isinstance(shown, PlainLines):
        watcher = threading.Thread(target=watch, args=(shown,), name="progress", daemon=True)
        watcher.start()
    _boards.append(shown)
    try:
        with shown_by(shown):
            yield shown
    finally:
        _boards.remove(shown)
        ended.set()
        shown.close()
        if watcher is not None:
            watcher.join()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Around the imports of torch and RecBole, during which no other thread can speak."""
    if "torch" in sys.modules:
        yield
        return
    with stage("importing torch and RecBole"):
        if (shown := board()) is not None:
            shown.at_once()
        yield
