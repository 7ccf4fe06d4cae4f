"""A search space held against the configuration that it is searched in, before the first trial."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbole_ext.config.build import build_config, known_keys
from recbole_ext.errors import ConfigError
from recbole_ext.study.space import SearchSpace, read_space

__all__ = ["usable_space"]

_OPTION = re.compile(r"the option --(\w+)")


def usable_space(
    file: Path,
    model_class: type,
    files: Sequence[Path | str],
    values: Mapping[str, Any],
    config: Any,
    given: str = "--{} is given",
) -> SearchSpace:
    """Reads a space whose values the configuration takes.

    Args:
        file: The space.
        model_class: Of the model.
        files: YAML files of the configuration.
        values: Keys over the files; none of them may be searched.
        config: The configuration of files and values.
        given: How these keys came there, for the message.

    Raises:
        ConfigError: The space cannot be read, searches a key that is set, or holds a value that cannot be used.
    """
    space = read_space(file, known_keys(model_class))
    for key in space.parameters:
        if key in values:
            raise ConfigError(f"{given.format(key)} and {space.source} searches it: leave one out")
    for example in space.examples():
        try:
            build_config(model_class, None, files, {**values, **example})
        except ConfigError as error:
            mistake = _OPTION.sub(lambda option: _line_of(option, space), str(error))
            raise ConfigError(f"{space.source} holds a value that cannot be used: {mistake}") from error
    _check_signs(space, config)
    return space


def _line_of(option: re.Match[str], space: SearchSpace) -> str:
    """The configuration takes the space's keys as it takes options; only other ones can have been given."""
    return f"line {space.lines[option[1]]}" if option[1] in space.lines else option[0]


def _check_signs(space: SearchSpace, config: Any) -> None:
    """Not every key of every model has a rule, but what counts things in the configuration is never below 0."""
    for name, parameter in space.parameters.items():
        counts = [value for value in parameter.examples() if _is_whole(value)]
        if _is_whole(config[name]) and config[name] > 0 and min(counts, default=0) < 0:
            raise ConfigError(
                f"{space.source} holds a value that cannot be used: {name} in line {space.lines[name]} goes down to "
                f"{min(counts)}, but counts something ({config[name]} if it is not searched): begin at 0 or above"
            )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
