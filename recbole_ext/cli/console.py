"""The terminal: plain lines, whatever stands in them, and the bar of a search."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import click

from recbole_ext.config.safe_text import mask_secrets, visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["SearchBar", "console", "say", "wide_option"]


_WIDE = "recbole_ext.wide"
_WIDEST = 10_000


def console() -> Console:
    """Standard output, as it is now: tests and pipes exchange it.

    A pipe or a file has 80 columns (or those of the variable ``COLUMNS``), so that a log shows what a terminal shows;
    ``--wide`` has no limit.
    """
    from rich.console import Console

    context = click.get_current_context(silent=True)
    wide = context is not None and bool(context.meta.get(_WIDE))
    return Console(highlight=False, soft_wrap=True, width=_WIDEST if wide else None)


def _set_wide(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_WIDE] = value


wide_option = click.option(
    "--wide", is_flag=True, expose_value=False, callback=_set_wide, help="Show every column of the tables."
)


def say(line: str, err: bool = False) -> None:
    """Prints text as it stands; titles and names in it cannot steer the terminal, and passwords are masked.

    Args:
        line: What is said, of one line or several.
        err: To standard error.
    """
    click.echo(mask_secrets(visible(line)), err=err)


class SearchBar:
    """A bar with the best value so far; where nobody watches, a line for each trial."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("no value yet", total=None)

    def __enter__(self) -> SearchBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int, total: int, last: str, best: str) -> None:
        """Moves the bar."""
        self._bar.update(self._task, completed=done, total=total, description=best)
        if not self._console.is_terminal:
            say(f"{done}/{total}  {last}  {best}")
