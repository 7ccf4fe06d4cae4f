"""The terminal: plain lines, whatever stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from recbole_ext.cli.progress import Terminal, board
from recbole_ext.config.safe_text import mask_secrets, visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "say", "wide_option"]


_WIDE = "recbole_ext.wide"
_WIDEST = 10_000


def console() -> Console:
    """Standard output, as it is now: tests and pipes exchange it.

    A pipe or a file has 80 columns (or those of the variable ``COLUMNS``), so that a log shows what a terminal shows;
    ``--wide`` has no limit.
    """
    from rich.console import Console

    shown = board()
    if isinstance(shown, Terminal):
        # What is printed while stages are shown would stand among their lines.
        shown.close()
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
    text, shown = mask_secrets(visible(line)), board()
    if isinstance(shown, Terminal) and shown.print_above(text, err):
        return
    click.echo(text, err=err)
    if shown is not None:
        shown.spoke()
