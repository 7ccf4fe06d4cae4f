"""Refuses a built site whose pages ask another host for anything: ``python .ci/offline_site.py FOLDER``.

A link that a reader may follow is fine; whatever a browser loads by itself is not.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LOADING_LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
FOREIGN = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class _Loads(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.in_style = tag == "style"
        loads = [values.get(name, "") for name in ("src", "srcset", "poster", "data")]
        if tag == "link" and LOADING_LINKS & set(values.get("rel", "").lower().split()):
            loads.append(values.get("href", ""))
        self.found += [f"<{tag}> {value}" for value in loads if FOREIGN.match(value)]
        self.found += IN_STYLE.findall(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.found += IN_STYLE.findall(data)


def foreign_loads(file: Path) -> list[str]:
    """What a page or a style sheet loads from another host."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".css":
        return IN_STYLE.findall(text)
    parser = _Loads()
    parser.feed(text)
    return parser.found


def main(folder: Path) -> int:
    """Prints every foreign load; 1 if there is one, or if there is no page."""
    files = [file for pattern in ("*.html", "*.css") for file in sorted(folder.rglob(pattern))]
    found = [f"{file.relative_to(folder)}: {load}" for file in files for load in foreign_loads(file)]
    print("\n".join(found) or f"{len(files)} pages and style sheets load nothing from another host")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
