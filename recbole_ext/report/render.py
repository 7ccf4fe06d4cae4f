"""From a document to one HTML file that opens offline, or to Markdown."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from recbole_ext.errors import OutputError
from recbole_ext.report.document import Document

__all__ = ["FORMATS", "environment", "render", "write_text"]

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


def write_text(path: Path, text: str, option: str = "--output") -> None:
    """Writes a file under a temporary name and renames it.

    Args:
        path: The file.
        text: Its content.
        option: Of the command line, which an error names.

    Raises:
        OutputError: It cannot be written; nothing half-written is left.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OutputError(f"{path} is a folder: name a file with {option}")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another {option}") from error
    finally:
        # Its folder may be a file.
        with contextlib.suppress(OSError):
            partial.unlink()
