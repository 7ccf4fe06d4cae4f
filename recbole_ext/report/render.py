"""From a document to one HTML file that opens offline, or to Markdown."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from recbole_ext.report.document import Document

__all__ = ["FORMATS", "environment", "render"]

FORMATS = {"html": "report.html.j2", "md": "report.md.j2"}


def _pipe(text: str) -> str:
    """A text that does not end a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def environment() -> Environment:
    """The templates; HTML and SVG are escaped, Markdown is not."""
    environment = Environment(
        loader=PackageLoader("recbole_ext.report"),
        autoescape=select_autoescape(("html.j2", "svg.j2"), default=False),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["pipe"] = _pipe
    return environment


def render(document: Document, form: str = "html") -> str:
    """The text of the report.

    Args:
        document: What it says.
        form: ``html`` (styles, script and charts inside) or ``md``.
    """
    values: dict[str, Any] = {"document": document}
    text = environment().get_template(FORMATS[form]).render(values)
    return re.sub(r"\n{3,}", "\n\n", text)
