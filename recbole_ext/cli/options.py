"""Paths that commands write to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recbole_ext.errors import ConfigError

__all__ = ["OutputPath"]


class OutputPath(click.Path):
    """What is written; an empty text, such as an unset variable of the shell gives, would be the working folder.

    Args:
        what: What an option of this type names, for the message.
    """

    def __init__(self, what: str = "folder") -> None:
        super().__init__(path_type=Path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            option = param.opts[0] if param else "the path"
            raise ConfigError(f"{option} is empty: name a {self._what}")
        return super().convert(value, param, ctx)
