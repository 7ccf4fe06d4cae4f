"""Reading and writing files of results by the form that both sides share, and the words for what does not fit it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from recbole_ext.config.messages import describe_key, describe_pydantic_error
from recbole_ext.data.files import write_whole
from recbole_ext.errors import CheckpointError

__all__ = ["Form", "as_form", "read_form", "read_json", "write_form"]


class Form(BaseModel):
    """What a file of results holds, or a part of it.

    Keys that are not named are kept: another version may write more.
    """

    model_config = ConfigDict(extra="allow", frozen=True)


_Form = TypeVar("_Form", bound=Form)


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The content of a file of results.

    Args:
        path: The file.
        remedy: What to do about a file that is missing or damaged.

    Raises:
        CheckpointError: It cannot be read, or is no JSON object.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: {remedy}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    except RecursionError as error:
        raise CheckpointError(f"{path} is damaged (its values are nested too deeply): {remedy}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged (not JSON: {error}): {remedy}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is damaged (not a JSON object): {remedy}")
    return content


def as_form(content: Mapping[str, Any], form: type[_Form], path: Path, remedy: str) -> _Form:
    """The content of a file as its form.

    Args:
        content: From :func:`read_json`.
        form: What it should be.
        path, remedy: As in :func:`read_json`.

    Raises:
        CheckpointError: A part is missing or of another kind.
    """
    try:
        return form.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"is damaged ({describe_pydantic_error(first, form)})"
        if first["type"] == "missing":
            what = f"lacks {describe_key(first['loc'])}"
        raise CheckpointError(f"{path} {what}: {remedy}") from error


def read_form(path: Path, form: type[_Form], remedy: str) -> _Form:
    """:func:`read_json`, then :func:`as_form`."""
    return as_form(read_json(path, remedy), form, path, remedy)


def write_form(path: Path, content: Mapping[str, Any], form: type[Form]) -> None:
    """Writes a file of results as JSON, once it is found to be what a reader takes.

    Raises:
        OutputError: It cannot be written.
    """
    form.model_validate(content)
    write_whole(path, json.dumps(content, indent=2))
