"""Options as they are typed: ``--key value`` and ``--key=value``, ``-`` and ``_`` alike, misspelt names first."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from typing import Any

import click

from recbole_ext.errors import RecBoleExtError

__all__ = ["any_key", "overrides_of", "separated", "without_option"]

_KEYS = "recbole_ext.keys"


def any_key(command: click.Command) -> bool:
    """Whether a command takes configuration keys beside its own options."""
    return bool(command.context_settings.get("ignore_unknown_options"))


def separated(ctx: click.Context, command: click.Command, arguments: Sequence[str]) -> list[str]:
    """The command's own arguments, as click reads them; the keys wait for :func:`overrides_of`.

    Args:
        ctx: Of the group of commands.
        command: What was asked for.
        arguments: Behind its name.

    Raises:
        click.UsageError: An option's name is misspelt.
        ConfigError: No model has a key of this name.
    """
    own, keys = _split(command, list(arguments))
    if any_key(command):
        _check_names(command, own, keys)
        ctx.meta[_KEYS] = keys
        return own
    return own + keys


def overrides_of(ctx: click.Context) -> dict[str, Any]:
    """The configuration keys among the arguments, parsed as YAML.

    Args:
        ctx: Of the command.

    Raises:
        ConfigError: An argument is not an option, has no value, a value that is not YAML, or occurs twice.
    """
    from recbole_ext.config.read import parse_overrides

    return parse_overrides([*ctx.meta.get(_KEYS, ()), *ctx.args])


def _options(command: click.Command) -> dict[str, tuple[str, bool]]:
    """A name with ``_`` to the option as click knows it, and whether it is a flag."""
    known = {"help": ("--help", True)}
    for option in command.params:
        if isinstance(option, click.Option):
            for text in [*option.opts, *option.secondary_opts]:
                # An option that may stand alone has its value behind '=', or behind a blank as click finds it.
                known[_plain(text)] = (text, option.is_flag or getattr(option, "_flag_needs_value", False))
    return known


def _plain(text: str) -> str:
    return text.lstrip("-").replace("-", "_")


def _split(command: click.Command, left: list[str]) -> tuple[list[str], list[str]]:
    """Arguments of the command itself, and each key with its value as ``--key=value``."""
    known, takes_keys = _options(command), any_key(command)
    own: list[str] = []
    keys: list[str] = []
    while left:
        token = left.pop(0)
        if token == "--":
            return [*own, token, *left], keys
        name, equals, value = token.partition("=")
        option, flag = known.get(_plain(name), ("", False))
        if not token.startswith("--") or (not option and not takes_keys):
            own.append(token)
        elif option:
            own.append(f"{option}{equals}{value}")
            if not (equals or flag) and left:
                own.append(left.pop(0))
        else:
            if not equals and left and _is_value(left[0]):
                value = left.pop(0)
            keys.append(f"--{_plain(name)}={value}")
    return own, keys


def _is_value(token: str) -> bool:
    """Whether an argument may follow ``--key``; a negative number is not an option."""
    return not token.startswith("-") or token[1:2].isdigit() or token[1:2] == "."


def _check_names(command: click.Command, own: Sequence[str], keys: Sequence[str]) -> None:
    """Refuses a misspelt name before anything else is found to be wrong with the command."""
    names = [key[2:].partition("=")[0].partition(".")[0] for key in keys]
    if not names:
        return

    # An answer that needs no configuration does not wait for its imports.
    from recbole_ext.config.blocks import ExposureSettings, RerankSettings
    from recbole_ext.config.catalog import known_anywhere
    from recbole_ext.config.messages import config_error
    from recbole_ext.config.problem import Problem, origin_of_option

    options = _options(command)
    blocks = {*RerankSettings.model_fields, *ExposureSettings.model_fields, "alpha", "lambda", "lam"}
    for name in names:
        known = known_anywhere() | blocks
        if name in known:
            continue
        close = difflib.get_close_matches(name, [*options, *known], n=1, cutoff=0.6)
        if close and close[0] in options:
            raise click.UsageError(f"--{name} is not an option; did you mean '{options[close[0]][0]}'?")
        if command.name in ("train", "tune") and not _may_be_outside(own):
            raise config_error(
                Problem((name,), "unknown_key", known=tuple(known), origin=origin_of_option(name))
            )


def without_option(arguments: Sequence[str], option: str) -> list[str]:
    """Arguments without an option that has a value.

    Args:
        arguments: As they were typed.
        option: Its name.
    """
    left, kept = list(arguments), []
    while left:
        token = left.pop(0)
        name, equals, _ = token.partition("=")
        if _plain(name) != _plain(option) or not name.startswith("--"):
            kept.append(token)
        elif not equals and left:
            left.pop(0)
    return kept


def _may_be_outside(own: Sequence[str]) -> bool:
    """Whether the model may come from outside RecBole and this package, with keys of its own."""
    from recbole_ext.config.model_source import is_inside
    from recbole_ext.config.presets import PREFIX, read_layer

    text = dict(itertools.pairwise(own)) | {
        name: value for name, equals, value in (one.partition("=") for one in own) if equals
    }
    model = text.get("--model")
    preset = text.get("--preset")
    if model is None and (file := f"{PREFIX}{preset}" if preset else text.get("--config")):
        try:
            model = read_layer(file).values.get("model")
        except RecBoleExtError:
            return True  # said elsewhere
    return model is not None and ":" in str(model) and not is_inside(str(model))
