"""From a document to one HTML file that opens offline, or to Markdown."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from recbole_ext.config.safe_text import markdown, printable
from recbole_ext.report.document import Document

__all__ = ["FORMATS", "environment", "render"]

FORMATS = {"html": "report.html.j2", "md": "report.md.j2"}


def _fence(text: str) -> str:
    """Lines of code in Markdown, whatever backticks they hold."""
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}\n{text}\n{ticks}"


def _inert(text: str) -> str:
    """A text inside a tag of HTML in Markdown, where some readers see Markdown and others none: signs as entities."""
    return "".join(f"&#{ord(sign)};" if sign in "\\`*_[]()<>&!|~\"'" else sign for sign in text)


def environment() -> Environment:
    """The templates; HTML and SVG are escaped, Markdown by its filter."""
    environment = Environment(
        loader=PackageLoader("recbole_ext.report"),
        autoescape=select_autoescape(("html.j2", "svg.j2"), default=False),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(markdown=markdown, fence=_fence, inert=_inert)
    return environment


def render(document: Document, form: str = "html") -> str:
    """The text of the report.

    Args:
        document: What it says.
        form: ``html`` (styles, script and charts inside) or ``md``.
    """
    values: dict[str, Any] = {"document": document}
    text = environment().get_template(FORMATS[form]).render(values)
    return printable(re.sub(r"\n{3,}", "\n\n", text))
