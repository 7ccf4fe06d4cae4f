"""The wording of configuration problems and counts; the only module that words a ``Problem``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from recbole_ext.config.problem import Problem, from_pydantic
from recbole_ext.errors import ConfigError, nearest

__all__ = [
    "as_yaml",
    "config_error",
    "describe_key",
    "describe_problem",
    "describe_pydantic_error",
    "pluralize",
]

_SHOWN = 60
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a block of keys and values",
    "mapping": "a block of keys and values",
    "model": "a block of keys and values",
}
_SCHEMA_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a block of keys and values",
    "null": "null",
}
_LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "above {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "below {}"),
}


def pluralize(number: int, thing: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def as_yaml(value: Any, longest: int = _SHOWN) -> str:
    """Formats a value as YAML, truncated if longer than so many characters."""
    try:
        text = yaml.safe_dump(
            value, default_flow_style=True, allow_unicode=True, width=math.inf, sort_keys=False
        )
    except yaml.YAMLError:  # a Python object, from a caller of the package
        text = repr(value)
    text = text.removesuffix("...\n").strip()
    if "\n" in text:  # bytes, or a text of several lines
        text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _quoted(value: Any) -> str:
    """A value in a sentence: text in quotes, so that it is not read as one of the sentence's words."""
    text = as_yaml(value)
    return f"'{text}'" if isinstance(value, str) and text[:1] not in ("'", '"') else text


def config_error(problem: Problem) -> ConfigError:
    """Creates the error that describes a problem and carries it."""
    return ConfigError(describe_problem(problem), problem)


def describe_key(key: Sequence[str | int]) -> str:
    """A key with the blocks around it, the innermost first: ``key in entry 2 of sweeps``; empty for no key."""
    words = ""
    for part in key:
        if isinstance(part, int):
            words = f"entry {part + 1} of {words}" if words else f"entry {part + 1}"
        else:
            words = f"{part} in {words}" if words else part
    return words


def describe_problem(problem: Problem) -> str:
    """One sentence: the key, where it was written, what is wrong, what to do."""
    place = "" if problem.origin is None else f" in {problem.origin}"
    if problem.kind == "unknown_key":
        *outer, name = problem.key
        inside = f" of {describe_key(outer)}" if outer else ""
        hint = nearest(str(name), problem.known) or ": remove it"
        return f"unknown key {str(name)!r}{inside}{place}{hint}"
    subject = describe_key(problem.key)
    if not subject:
        return f"{problem.origin}: {_predicate(problem)}" if problem.origin else _predicate(problem)
    return f"{subject}{place} {_predicate(problem)}"


def describe_pydantic_error(error: Mapping[str, Any], form: type[BaseModel]) -> str:
    """Key and predicate of one entry of ``ValidationError.errors()``.

    Args:
        error: The entry.
        form: What was validated.
    """
    return describe_problem(from_pydantic(error, form=form))


def _predicate(problem: Problem) -> str:
    """What is wrong with a value, to follow its key: ``must be 1 or more, not 0``."""
    kind, limits, given = problem.kind, problem.limits, _quoted(problem.given)
    if problem.schema is not None:
        return f"must be {describe_schema(problem.schema)}, not {given}"
    if problem.reason:
        return problem.reason
    if kind == "missing":
        return "is missing: add it"
    if kind == "unknown_name":
        return f"is {problem.given!r}{nearest(str(problem.given), problem.known)} (known: {', '.join(problem.known)})"
    if kind == "too_short":
        least = limits["min_length"]
        return "is empty: give at least one" if least == 1 else f"needs at least {least} entries: add one"
    if kind == "literal_error":
        return f"must be {_either(problem.known)}, not {given}"
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words.format(_number(limits[name]))}, not {given}"
    wanted = _TYPES.get(kind.partition("_")[0])
    return f"must be {wanted}, not {given}" if wanted else f"is {given}, which cannot be used: change it"


def _either(names: Sequence[str]) -> str:
    """``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _number(limit: float) -> str:
    return str(int(limit) if limit == int(limit) else limit)


def describe_schema(schema: Mapping[str, Any]) -> str:
    """Describes the values that a JSON schema accepts: ``a whole number of 1 or more, or null``."""
    if "description" in schema:
        return str(schema["description"])
    if "anyOf" in schema:
        return ", or ".join(map(describe_schema, schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return _SCHEMA_TYPES.get(schema.get("type", ""), "something else") + _range(schema)


def _range(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if above is not None and below is not None:
        return f" between {_number(above)} and {_number(below)}"
    end = (
        f" to {_number(high)}"
        if high is not None
        else f" to below {_number(below)}"
        if below is not None
        else ""
    )
    if low is not None:
        return f" from {_number(low)}{end}" if end else f" of {_number(low)} or more"
    if above is not None:
        return f" above {_number(above)}" + (f", at most {_number(high)}" if high is not None else "")
    return end
