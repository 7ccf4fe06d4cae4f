"""Configuration problems as data; ``messages`` words them, so that no code needs to parse messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

__all__ = ["Key", "Origin", "Problem", "first_error", "from_pydantic", "origin_of_option"]

Key = tuple[str | int, ...]
"""A key inside blocks and lists, from the outside in: ``("sweeps", 1, "key")``."""


@dataclass(frozen=True)
class Origin:
    """Where a key was written.

    Attributes:
        source: A file, or an option.
        line: In the file, from 1.
    """

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}, line {self.line}"


def origin_of_option(key: str) -> Origin:
    """The command line."""
    return Origin(f"the option --{key}")


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        key: Which key, from the outermost block inwards; empty for a file as a whole.
        kind: Pydantic's name of the error, ``unknown_key``, ``unknown_name``, or ``value_error`` for a rule of ours.
        given: The value.
        limits: What pydantic tells of the limit that is broken, such as ``{"ge": 1}``.
        schema: JSON schema of everything that the key takes; None where ``limits`` say enough.
        known: Names that would have been accepted.
        reason: The predicate of a rule over several keys, such as ``has no floor: give coverage``.
        origin: Where the key was written, if it was written by a user.
    """

    key: Key
    kind: str
    given: Any = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    known: tuple[str, ...] = ()
    reason: str = ""
    origin: Origin | None = None


def first_error(error: ValidationError) -> dict[str, Any]:
    """Selects the error to report: a misspelt key explains a missing one."""
    entries = error.errors(include_url=False)
    unknown = (entry for entry in entries if entry["type"] == "extra_forbidden")
    return dict(next(unknown, entries[0]))


def from_pydantic(
    error: Mapping[str, Any],
    block: Key = (),
    origin: Origin | None = None,
    form: type[BaseModel] | None = None,
) -> Problem:
    """The problem behind one entry of ``ValidationError.errors()``.

    Args:
        error: The entry.
        block: Where the value that was validated stands.
        origin: Where it was written.
        form: What it was validated as; tells which keys and names would have been accepted.
    """
    place, limits = tuple(error["loc"]), dict(error.get("ctx", {}))
    kind, known = str(error["type"]), tuple[str, ...]()
    if kind == "extra_forbidden":
        kind, known = "unknown_key", _keys_at(form, place[:-1])
    elif kind == "literal_error":
        known = _names_at(form, place)
    reason = str(limits.pop("error", ""))
    return Problem((*block, *place), kind, error.get("input"), limits, None, known, reason, origin)


def _types_at(form: Any, place: Key) -> list[Any]:
    """The types that a form takes at a place, without ``Annotated``, unions and None."""
    found = _alternatives(form)
    for part in place:
        inner: list[Any] = []
        for kind in found:
            if isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
                inner += _alternatives(kind.model_fields[str(part)].annotation)
            elif get_origin(kind) in (list, tuple, dict):
                inner += _alternatives([entry for entry in get_args(kind) if entry is not ...][-1])
        found = inner
    return found


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [inner for entry in get_args(kind) for inner in _alternatives(entry)]
    return [] if kind in (None, NoneType) else [kind]


def _keys_at(form: Any, place: Key) -> tuple[str, ...]:
    forms = [
        kind for kind in _types_at(form, place) if isinstance(kind, type) and issubclass(kind, BaseModel)
    ]
    return tuple(key for kind in forms for key in kind.model_fields)


def _names_at(form: Any, place: Key) -> tuple[str, ...]:
    literals = [kind for kind in _types_at(form, place) if get_origin(kind) is Literal]
    return tuple(str(name) for kind in literals for name in get_args(kind))
