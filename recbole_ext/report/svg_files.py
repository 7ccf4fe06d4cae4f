"""The charts of a report as SVG files of their own, for a README or a talk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from recbole_ext.config.safe_text import printable
from recbole_ext.report.charts.canvas import WIDE, shape, text_width
from recbole_ext.report.document import Block, Details, Document, Figure
from recbole_ext.report.render import environment

__all__ = ["figure_files"]

_MARGIN, _LINE = 20, 20
_PARTS = re.compile(r'viewBox="0 0 \d+ (?P<height>\d+)"[^>]*>(?P<body>.*)</svg>\s*$', re.DOTALL)


def _figures(blocks: tuple[Block, ...]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Details):
            yield from _figures(block.blocks)


def _legend(entries: tuple[tuple[str, str], ...], top: float) -> tuple[list[dict[str, Any]], float]:
    """Marks and names in as many lines as they need, and where the chart begins below them."""
    placed: list[dict[str, Any]] = []
    x, y = float(_MARGIN), top
    for classes, name in entries:
        needed = 18 + text_width(name) + 14
        if x + needed > WIDE + _MARGIN and x > _MARGIN:
            x, y = float(_MARGIN), y + _LINE
        colour, _, form = classes.partition(" ")
        drawn = Markup(shape(form or "circle", x + 6, y - 4, colour, 4.5))
        placed.append({"mark": drawn, "x": f"{x + 17:.0f}", "y": f"{y:.0f}", "name": name})
        x += needed
    return placed, y + (_LINE if entries else 0)


def _standalone(figure: Figure) -> str:
    parts = _PARTS.search(figure.wide)
    assert parts is not None
    legend, top = _legend(figure.legend, _MARGIN + 36.0)
    inner = int(parts["height"])
    return printable(
        environment()
        .get_template("figure.svg.j2")
        .render(
            label=f"{figure.title}. {figure.description}",
            title=figure.title,
            legend=legend,
            margin=_MARGIN,
            top=f"{top:.0f}",
            width=WIDE + 2 * _MARGIN,
            height=f"{top + inner + _MARGIN / 2:.0f}",
            inner_width=WIDE,
            inner_height=inner,
            body=Markup(parts["body"]),
        )
    )


def figure_files(document: Document) -> dict[str, str]:
    """File name, such as ``comparison-1.svg`` for the first chart of that chapter, to a complete SVG."""
    return {
        f"{section.key}-{number}.svg": _standalone(figure)
        for section in document.sections
        for number, figure in enumerate(_figures(section.blocks), start=1)
    }
