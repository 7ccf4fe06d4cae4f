"""Tables for people: fewer columns where the terminal is narrow, but never a number or a name cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recbole_ext.config.safe_text import visible

__all__ = ["Grid", "fitting", "plain", "print_grid"]


@dataclass(frozen=True)
class Grid:
    """A table before it is known how wide it may be.

    Attributes:
        title: Above it.
        headers: One for each column, the first one for the names of the rows.
        rows: Cells, as many as headers.
        order: Columns by importance, as positions; one that does not fit beside those before it is left out. Others
            follow by position. The first column always stays.
        words: Columns of sentences, which may go on in a second line, to their smallest width.
        left: Columns of names, set from the left beside the first one.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    order: Sequence[int] = ()
    words: Mapping[int, int] = field(default_factory=dict)
    left: frozenset[int] = frozenset()

    def columns(self) -> list[int]:
        """Positions by importance, the first one first."""
        every = range(1, len(self.headers))
        chosen = [column for column in self.order if column]
        return [0, *chosen, *(column for column in every if column not in chosen)]


def plain(text: str, style: str = "") -> Text:
    """A text that is neither markup nor an order to the terminal."""
    return Text(visible(text), style)


def _table(grid: Grid, shown: Sequence[int]) -> Table:
    table = Table(
        title=plain(grid.title, "table.title") if grid.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in shown:
        words = column in grid.words
        table.add_column(
            plain(grid.headers[column]),
            justify="left" if column == 0 or words or column in grid.left else "right",
            no_wrap=not words and column != 0,
            overflow="fold",
            min_width=grid.words.get(column),
        )
    for row in grid.rows:
        table.add_row(*(plain(row[column]) for column in shown))
    return table


def _width(grid: Grid, shown: Sequence[int], console: Console) -> int:
    """Columns of the terminal that the table needs."""
    cut = grid.words.keys()
    rows = [["" if column in cut else cell for column, cell in enumerate(row)] for row in grid.rows]
    options = console.options.update(max_width=10_000)
    return console.measure(_table(replace(grid, rows=rows), shown), options=options).maximum


def fitting(grid: Grid, console: Console) -> tuple[Table, list[str]]:
    """The table with as many columns as fit, in their own order.

    Args:
        grid: What is to be shown.
        console: Where; its width is the limit.

    Returns:
        The table, and the headers that were left out.
    """
    shown = [0]
    for column in grid.columns()[1:]:
        wider = sorted([*shown, column])
        if _width(grid, wider, console) <= console.width:
            shown = wider
    left_out = [header for column, header in enumerate(grid.headers) if column not in shown]
    return _table(grid, shown), left_out


def print_grid(grid: Grid, console: Console, whole: str = "--wide shows them") -> None:
    """Prints the table, and a line that names the columns that did not fit.

    Args:
        grid: What is to be shown.
        console: Where.
        whole: Where the columns that are left out can be seen.
    """
    table, left_out = fitting(grid, console)
    console.print(table, soft_wrap=False)
    if left_out:
        console.print(plain(f"({', '.join(left_out)}: {whole})"))
