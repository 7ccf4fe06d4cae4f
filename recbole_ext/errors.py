"""Errors that a user can cause. The command line prints them as one sentence and exits with code 2."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "OutputError",
    "RecBoleExtError",
    "nearest",
    "program",
]


class RecBoleExtError(Exception):
    """An error that the user can fix; the message says what is wrong, where, and what to do."""

    exit_code = 2


class ConfigError(RecBoleExtError):
    """A key, value, model, metric or option is invalid.

    Attributes:
        problem: The problem as data, a ``recbole_ext.config.problem.Problem``; None if there is only the message.
    """

    def __init__(self, message: str = "", problem: object | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class DataError(RecBoleExtError):
    """A data file is missing or malformed, or leaves no training data."""


class DownloadError(DataError):
    """A data set could not be downloaded."""


class CheckpointError(RecBoleExtError):
    """A run folder or checkpoint is missing, foreign, damaged or of another version."""


class OutputError(RecBoleExtError):
    """An output folder cannot be written."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a clause that suggests the closest known name, for the end of an error message.

    Args:
        name: What the user wrote.
        known: The names that would have been accepted.

    Returns:
        ``"; did you mean 'NAME'?"``, or an empty string if no name is close.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""


def program() -> str:
    """The program as the user started it, for messages and files that quote a command.

    Returns:
        ``recbole-ext`` if that was typed, else ``python run.py``.
    """
    return "recbole-ext" if Path(sys.argv[0] if sys.argv else "").stem == "recbole-ext" else "python run.py"
