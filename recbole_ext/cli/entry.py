"""The command group: finds a command's file when it is asked for, and words every error in one place."""

from __future__ import annotations

import contextlib
import importlib
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import click

from recbole_ext import __version__
from recbole_ext.cli.console import say
from recbole_ext.cli.keys import separated
from recbole_ext.cli.progress import on_board
from recbole_ext.config.safe_text import shortened
from recbole_ext.errors import RecBoleExtError, nearest, program

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "train": "runs",
    "evaluate": "runs",
    "table": "runs",
    "recommend": "recommend",
    "explain": "recommend",
    "vectors": "recommend",
    "export": "export",
    "serve": "serve",
    "feedback": "feedback",
    "report": "report",
    "rerank": "rerank",
    "pareto": "rerank",
    "tune": "study",
    "compare": "study",
    "ablate": "study",
    "sequentiality": "study",
    "papers": "papers",
    "presets": "papers",
    "reproduce": "papers",
    "prepare": "data",
    "models": "data",
    "datasets": "data",
    "keys": "data",
}
"""The file of each command, in the order in which ``--help`` shows them."""

_OWN_OPTIONS = {"-h", "--help", "--version"}


class _Commands(click.Group):
    """A group whose commands are imported one by one, so that a command waits for its own imports only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"recbole_ext.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, separated(ctx, command, rest) if command else rest


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Without a command, 'train' is meant: --model=GRU4Rec --dataset=ml-100k. The value of an option stands "
    "behind '=' or a blank, and '-' and '_' are alike in its name.",
)
@click.version_option(__version__, prog_name="recbole-ext")
def _cli() -> None:
    """Sequential and classic movie recommenders, compared fairly."""


def _with_command(arguments: list[str]) -> list[str]:
    """``train`` where no command is named, the help where nothing is."""
    if not arguments:
        return ["--help"]
    first = arguments[0]
    if not first.startswith("-") and first not in COMMANDS:
        raise click.UsageError(
            f"{first!r} is not a command{nearest(first, COMMANDS)} (commands: {', '.join(COMMANDS)})"
        )
    return ["train", *arguments] if first.startswith("-") and first not in _OWN_OPTIONS else arguments


def _check_characters(arguments: list[str]) -> None:
    """No file, key or name holds a NUL; what the system says of one is no sentence."""
    for argument in arguments:
        if "\0" in argument:
            raise click.UsageError(f"{argument!r} holds a NUL byte: remove it")


def _sentence(error: Exception) -> str:
    """The message for an error that the user can correct."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        place = f" {error.filename}" if error.filename else ""
        return f"the system refused{place} ({error.strerror}): check the path, its rights and the space left"
    return str(error)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[list[int]]:
    """SIGTERM ends a command as SIGINT does; the list holds the signal once it has come."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def end(number: int, _: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``run.py`` and ``recbole-ext``; exit code 2 for errors that the user can correct."""
    with _terminated_as_interrupted() as received:
        _run(arguments, received)


def _run(arguments: Sequence[str] | None, received: list[int]) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [argument for argument in given if argument != "--debug"]
    try:
        _check_characters(words)
        arguments = _with_command(words)
        with on_board():
            _cli.main(arguments, prog_name=program().removeprefix("python "), standalone_mode=False)
    except (RecBoleExtError, click.ClickException, OSError) as error:
        if "--debug" in given:
            say(traceback.format_exc(), err=True)
        say(f"error: {shortened(_sentence(error))}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            "interrupted: a run continues with --resume and its folder, a study with the same command",
            err=True,
        )
        sys.exit(128 + (received or [signal.SIGINT])[0])
