"""What a report is made of: blocks that know nothing of HTML or Markdown; the templates draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "Block",
    "Bullets",
    "Card",
    "Cell",
    "Details",
    "Document",
    "Figure",
    "Paragraph",
    "Section",
    "Table",
    "cell",
]


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, what the column is sorted by, and how it looks.

    Attributes:
        text: What is shown.
        value: Sorting key of a number; None sorts by the text.
        note: A second, quieter line.
        tone: ``""``, ``good``, ``bad``, ``quiet`` or ``strong``.
    """

    text: str
    value: float | None = None
    note: str = ""
    tone: str = ""


def cell(content: Cell | str | float | None, digits: int = 4) -> Cell:
    """A cell from text or a number; None is a dash."""
    if isinstance(content, Cell):
        return content
    if content is None:
        return Cell("–", None, tone="quiet")
    if isinstance(content, str):
        return Cell(content)
    return Cell(f"{content:,.{digits}f}", float(content))


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``quiet`` for remarks below a figure or table."""

    kind: ClassVar[str] = "paragraph"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, each with a short bold lead or none."""

    kind: ClassVar[str] = "bullets"
    points: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table that can be sorted.

    Attributes:
        caption: What it shows.
        columns: Headers; the first column is text.
        rows: Cells.
        foot: Rows that are not sorted, such as ceiling and Random.
        text_columns: Indices of further columns of text.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    foot: tuple[tuple[Cell, ...], ...] = ()
    text_columns: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Figure:
    """A chart in two widths; the page shows the one that fits.

    Attributes:
        title: What it shows.
        description: The finding in words, for those who do not see it.
        wide, narrow: Complete ``<svg>`` elements.
        caption: Text below.
        legend: Pairs of a class of the style sheet and a name.
    """

    kind: ClassVar[str] = "figure"
    title: str
    description: str
    wide: str
    narrow: str
    caption: str = ""
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Details:
    """Text that is folded away: configurations, commands."""

    kind: ClassVar[str] = "details"
    summary: str
    text: str = ""
    blocks: tuple[Block, ...] = ()


Block = Paragraph | Bullets | Table | Figure | Details


@dataclass(frozen=True)
class Section:
    """A chapter: ``key`` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    lead: str = ""


@dataclass(frozen=True)
class Card:
    """A figure that stands at the top."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Document:
    """The whole report.

    Attributes:
        title: Name of the page.
        kicker: A short line above the headline.
        headline: The finding in one sentence.
        lead: One or two sentences more.
        cards: Up to four figures.
        sections: The chapters.
        absent: One sentence for each chapter that lacks its input, with the command that adds it.
        colophon: Protocol and versions in one line.
        language: Of the text, for the page.
    """

    title: str
    kicker: str
    headline: str
    lead: str
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    absent: tuple[str, ...] = ()
    colophon: str = ""
    language: str = "en"
