"""Every error that a user can cause. The command line prints it as one sentence and exits with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "OutputError",
    "RecBoleExtError",
    "nearest",
]


class RecBoleExtError(Exception):
    """A mistake that the user can mend: the message says what is wrong, where, and what to do."""

    exit_code = 2


class ConfigError(RecBoleExtError):
    """A key, a value, a model, a metric or an option that cannot be used.

    Attributes:
        problem: What is wrong as data, a ``recbole_ext.config.problem.Problem``; None where there is only the sentence.
    """

    def __init__(self, message: str = "", problem: object | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class DataError(RecBoleExtError):
    """A data file that is missing, malformed, or leaves nothing to learn from."""


class DownloadError(DataError):
    """A data set that could not be fetched."""


class CheckpointError(RecBoleExtError):
    """A run folder or checkpoint that is missing, foreign, damaged or of another version."""


class OutputError(RecBoleExtError):
    """An output folder that cannot be written."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause that names the closest known name, for the end of an error message.

    Args:
        name: What the user wrote.
        known: The names that would have been accepted.

    Returns:
        ``"; did you mean 'NAME'?"``, or an empty string where nothing is close.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""
