"""What a server is told: where it listens, what it opens, what it allows; checked before anything is imported."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from recbole_ext.errors import ConfigError, DataError

__all__ = ["ServeSettings", "Told", "is_loopback", "read_token"]

_LEAST_TOKEN = 16


@dataclass(frozen=True)
class Told:
    """A run to serve.

    Attributes:
        name: What requests call it.
        folder: The run folder.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class ServeSettings:
    """A server, as plain data that other processes can be given.

    Attributes:
        runs: What is served; the first one answers where a request names no model.
        host, port: Where it listens.
        workers: Number of processes.
        token: What requests carry as ``Authorization: Bearer``; None where none is needed.
        trust: As in :func:`~recbole_ext.trainer.opened.open_model`.
        feedback: A SQLite file, or a ``postgresql://`` URL; None keeps no feedback.
        floor: Share of the catalogue that ought to be shown, for ``/v1/catalogue``; None if nobody has said.
        rate: Requests a second of one client address and process; 0 for no limit.
        time_limit: Seconds that a request may take.
        window: Seconds that a request waits for others to be scored with, under load.
        most: Requests that are scored together.
        drain: Seconds that requests in progress have left when the server is told to end.
        state: A folder of this session, for what the processes share.
        mcp: Whether the tools are served at ``/mcp``.
        tls: Files of certificate and key; None for plain HTTP.
    """

    runs: tuple[Told, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str | None = field(default=None, repr=False)
    trust: bool = False
    feedback: str | None = None
    floor: float | None = None
    rate: float = 0.0
    time_limit: float = 10.0
    window: float = 0.002
    most: int = 64
    drain: float = 10.0
    state: Path | None = None
    mcp: bool = False
    tls: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and self.token is None:
            raise ConfigError(
                f"--host={self.host} lets other machines in: add --token=FILE with a secret of {_LEAST_TOKEN} or more "
                "characters, or listen at 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(given: str) -> str:
    """The secret that requests must carry.

    Args:
        given: The secret, or the path of a file that holds it.

    Raises:
        DataError: The file cannot be read.
        ConfigError: The secret is short or holds a blank.
    """
    token, path = given, Path(given).expanduser()
    if path.is_file():
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read ({error}): give a text file with the token") from error
    if (
        len(token) < _LEAST_TOKEN
        or not token.isascii()
        or any(c.isspace() or not c.isprintable() for c in token)
    ):
        raise ConfigError(
            f"the token has {len(token)} characters: give {_LEAST_TOKEN} or more letters, digits and signs without "
            "blanks, or a file that holds them"
        )
    return token
