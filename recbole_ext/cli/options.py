"""Options shared by several commands, and the type of output paths."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from recbole_ext.config.safe_text import mask_secrets
from recbole_ext.errors import ConfigError, program

__all__ = [
    "ANY_KEY",
    "NamedPath",
    "configs_option",
    "dataset_option",
    "head_rule_option",
    "k_option",
    "model_option",
    "preset_option",
    "repeated",
    "run_argument",
    "trust_option",
    "where_options",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])

ANY_KEY = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Context settings of a command that accepts any key; :func:`~recbole_ext.cli.keys.overrides_of` reads them."""


class NamedPath(click.Path):
    """A path that is named; an empty text, such as an unset variable of the shell gives, would be the working folder.

    Args:
        what: What the option names, for the error message.
    """

    def __init__(self, what: str = "file or folder") -> None:
        super().__init__(path_type=Path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            option = param.opts[0] if param else "the path"
            raise ConfigError(f"{option} is empty: name a {self._what}")
        return super().convert(value, param, ctx)


run_argument = click.argument("run", type=NamedPath())
model_option = click.option("--model", help="A model's name ('models' lists them) or package.module:Class.")
configs_option = click.option(
    "--config", "configs", multiple=True, type=NamedPath(), help="YAML file; later ones win."
)
preset_option = click.option(
    "--preset",
    callback=lambda _, __, name: _preset(name),
    help="Settings of a published model ('presets' lists them).",
)
dataset_option = click.option("--dataset", help="Name of the data set; overrides the files.")
k_option = click.option(
    "--k", type=click.IntRange(min=1), help="Length of the lists (default: that of valid_metric)."
)
trust_option = click.option(
    "--trust", is_flag=True, help="Import the model and metrics of your own project that the folder names."
)
head_rule_option = click.option("--head-rule", help="What counts as the head (default: the run's head_rule).")


_WHERE = (
    click.option("--workers", default=1, show_default=True, help="Processes of this machine."),
    click.option(
        "--ray",
        is_flag=False,
        flag_value="auto",
        metavar="[ADDRESS]",
        help="Compute on the Ray cluster of an address, or of this machine, where one is started if none runs.",
    ),
    click.option(
        "--cores-per-run",
        type=float,
        help="Cores of a run, and its threads (default: a worker's share; 1 on Ray).",
    ),
    click.option(
        "--gpus-per-run", type=float, default=0.0, help="GPUs of a run on Ray; a fraction shares one."
    ),
    click.option("--gib-per-run", type=float, help="Memory of a run on Ray that its node must have free."),
)


def where_options(command: _Command) -> _Command:
    """The options of :class:`~recbole_ext.study.where.Where`, passed on under the names of its fields."""
    for option in reversed(_WHERE):
        command = option(command)
    return command


def _preset(name: str | None) -> tuple[Path, ...]:
    """The lowest layer of a configuration."""
    if name is None:
        return ()
    from recbole_ext.config.presets import PREFIX, preset

    return (Path(f"{PREFIX}{preset(name).name}"),)


def repeated() -> str:
    """The command that repeats what is running, for the files that it writes: without passwords."""
    return shlex.join([*program().split(), *map(mask_secrets, sys.argv[1:])])
