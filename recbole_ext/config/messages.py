"""Words that several parts share: mistakes that pydantic has found, and numbers of things."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

__all__ = ["as_yaml", "mistake_words", "number_of", "place_words"]

_SHOWN = 60
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number that is neither infinite nor nan",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "a block of keys and values",
    "model": "a block of keys and values",
}
_LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "above {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "below {}"),
}


def number_of(count: int, thing: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def place_words(place: Sequence[str | int]) -> str:
    """A place in a file, the innermost key first: ``key in entry 2 of sweeps``; empty for the file itself."""
    words = ""
    for part in place:
        if isinstance(part, int):
            words = f"entry {part + 1} of {words}" if words else f"entry {part + 1}"
        else:
            words = f"{part} in {words}" if words else part
    return words


def mistake_words(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, to follow its place: ``must be 1 or more, not 0``.

    Args:
        error: One of those that a ``ValidationError`` of pydantic lists.
    """
    kind, context, given = error["type"], error.get("ctx", {}), as_yaml(error.get("input"))
    if kind == "missing":
        return "is missing: add it"
    if kind == "extra_forbidden":
        return "is no key here: remove it"
    if kind == "too_short":
        least = context["min_length"]
        return "is empty: give at least one" if least == 1 else f"needs at least {least} entries: add one"
    if kind == "literal_error":
        return f"must be {context['expected'].replace(chr(39), '')}, not {given}"
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        limit = context[key]
        return f"must be {words.format(int(limit) if limit == int(limit) else limit)}, not {given}"
    if kind == "value_error":
        return str(context["error"])
    wanted = _KINDS.get(kind.partition("_")[0])
    return f"must be {wanted}, not {given}" if wanted else f"is {given}, which cannot be used: change it"


def as_yaml(value: Any) -> str:
    """A value as YAML writes it, cut off where it is long."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=math.inf, sort_keys=False)
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
