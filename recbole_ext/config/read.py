"""A configuration, merged from its layers and checked without importing torch or RecBole.

Layers, later wins: RecBole's defaults, ``properties/overall.yaml``, the model's defaults (RecBole's, then the
package's), files, overrides. Nested blocks are merged. Values are YAML and never evaluated, neither the
command line nor the environment is looked at, and nothing is written. RecBole's defaults for single data sets
and its quick-start files are left out: the protocol is the same for every data set and family.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recbole_ext.config.host_keys import FORMER_KEYS, translate_host_keys
from recbole_ext.config.messages import config_error
from recbole_ext.config.model_rules import check_model_rules
from recbole_ext.config.model_source import ModelSource, host_arguments, host_folder
from recbole_ext.config.presets import read_layer
from recbole_ext.config.problem import Origin, Problem, origin_of_option
from recbole_ext.config.rules import check_values
from recbole_ext.config.yaml_reader import parse_value, read_packaged_yaml
from recbole_ext.errors import ConfigError

__all__ = [
    "COMPUTED_KEYS",
    "CheckedConfig",
    "as_of_today",
    "default_core",
    "default_files",
    "known_keys",
    "parse_overrides",
    "read_config",
    "user_values",
]

_OURS = Path(__file__).parents[1] / "properties"
# Defaults of versions that did not know window_batches, whose place auto has taken.
_FORMER_DEFAULTS = {"sequence_loss": "full_softmax", "valid_users": None}
COMPUTED_KEYS = frozenset(
    {
        "MODEL_INPUT_TYPE",
        "MODEL_TYPE",
        "device",
        "eval_type",
        "local_rank",
        "single_spec",
        "test_neg_sample_args",
        "valid_neg_sample_args",
    }
)
"""RecBole keys that are derived from others and not set by users."""

_OPTION = sys.maxsize


@dataclass(frozen=True)
class CheckedConfig:
    """A configuration with valid keys and values, before RecBole sees it.

    Attributes:
        model: The model, as its source describes it.
        values: Every key.
        origins: Where each key was written that a user set.
        known: Every key that could have been set.
    """

    model: ModelSource
    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    known: frozenset[str]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def with_dataset(self, name: str) -> CheckedConfig:
        """Returns the same configuration on another data set."""
        return CheckedConfig(self.model, {**self.values, "dataset": name}, self.origins, self.known)


def read_config(
    model: ModelSource,
    files: Sequence[Path | str] = (),
    overrides: Mapping[str, Any] | None = None,
    *,
    origins: Mapping[str, Origin] | None = None,
    dataset: str | None = None,
    extra_known_keys: Collection[str] = (),
) -> CheckedConfig:
    """Merges all layers and checks them.

    Args:
        model: From :func:`~recbole_ext.config.model_source.model_source`.
        files: YAML files or ``preset:NAME``, later ones win.
        overrides: Values that win over the files.
        origins: Where overrides were written; those that are not named were options.
        dataset: Wins over all layers.
        extra_known_keys: Keys to accept beyond those of RecBole, the package and the model's own source.

    Raises:
        ConfigError: A file is missing or malformed, a key is unknown, or a value cannot be used.
    """
    defaults = _defaults(model)
    known = known_keys(model, extra_known_keys)
    values, places, layers = defaults, dict[str, Origin](), dict[str, int]()
    for number, (layer, written) in enumerate(_user_layers(files, overrides or {}, origins or {})):
        for key in layer:
            if key not in known:
                raise config_error(Problem((key,), "unknown_key", known=tuple(known), origin=written[key]))
        own, own_places = translate_host_keys(layer, written, values)
        values = _merged(values, own)
        places.update(own_places)
        layers.update({key: _height(number, places[key]) for key in own})
    if dataset is not None:
        values["dataset"] = dataset
        layers["dataset"] = _OPTION
    if layers.get("dataset", -1) > min(layers.get("offline_dataset", -1), _OPTION - 1):
        # Who names a data set by an option, or over the file with the substitute, asks for that one.
        values["offline_dataset"] = None
    checked = check_values(values, defaults, places)
    check_model_rules(model, checked, places)
    return CheckedConfig(model, checked, places, known)


def _height(layer: int, origin: Origin) -> int:
    """Which key was written over which other: a study's lines and options come in one layer."""
    return _OPTION if origin.line is None else layer


def known_keys(model: ModelSource, extra: Collection[str] = ()) -> frozenset[str]:
    """Every key that this model's configuration may set: RecBole's, ours, and those that its source reads."""
    keys = host_arguments() | _defaults(model).keys() | model.keys
    return frozenset(keys | {"model", "encoding", *extra}) - COMPUTED_KEYS


def parse_overrides(argv: Sequence[str]) -> dict[str, Any]:
    """Reads ``--key=value`` arguments; ``--block.key=value`` sets a key of a nested block.

    Args:
        argv: The arguments, without the program's name.

    Returns:
        The values, parsed as YAML.

    Raises:
        ConfigError: An argument has another form, no value, a value that is not YAML, or occurs twice.
    """
    found: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for argument in argv:
        match = re.fullmatch(r"--([A-Za-z_]\w*(?:\.\w+)*)=(.*)", argument, flags=re.DOTALL)
        if match is None:
            raise ConfigError(f"{argument!r} is not an option: write --key=value or --key value")
        key, text = match.groups()
        if not text.strip():
            raise ConfigError(f"--{key}= has no value: write --{key}=VALUE, or --{key}=null for none")
        if seen.setdefault(key, text) != text:
            raise ConfigError(f"--{key} is given twice, as {seen[key]} and as {text}: keep one")
        value = parse_value(text, f"--{argument[2:]}")
        for part in reversed(key.split(".")):
            value = {part: value}
        found = _merged(found, value)
    return found


def user_values(files: Sequence[Path | str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Merges the user's files and overrides, without defaults or checks.

    Raises:
        ConfigError: A file is missing or malformed.
    """
    values: dict[str, Any] = {}
    for layer, _ in _user_layers(files, overrides, {}):
        values = _merged(values, layer)
    return values


def _defaults(model: ModelSource) -> dict[str, Any]:
    """The layers below the user's; a subclass inherits the defaults of the models that it is derived from."""
    return copy.deepcopy(_defaults_of(model.names))


def as_of_today(stored: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """A configuration that an earlier version has stored, as this version would have stored it.

    Args:
        stored: Keys and values. Keys that were always null are dropped.
        wanted: The keys that this version stores. What an earlier version did not know, it did as the default does.
    """
    model = str(stored.get("model"))
    own = _OURS / "model" / f"{model if model.isidentifier() else ''}.yaml"
    defaults = read_packaged_yaml(_OURS / "overall.yaml")
    defaults |= read_packaged_yaml(own) if own.is_file() else {}
    kept = _without_former_keys(stored)
    if "window_batches" not in kept:
        kept = {key: value for key, value in kept.items() if (key, value) not in _FORMER_DEFAULTS.items()}
    return {key: defaults[key] for key in wanted if key in defaults} | kept


def default_files(names: tuple[str, ...] = ()) -> list[Path]:
    """The files of defaults, later ones win.

    Args:
        names: Of a model's class and its base classes, the most basic first; empty for what all models share.
    """
    host = host_folder() / "properties"
    layers = [host / "overall.yaml", host / "dataset" / "sample.yaml", _OURS / "overall.yaml"]
    layers += [folder / "model" / f"{name}.yaml" for folder in (host, _OURS) for name in names]
    return [file for file in layers if file.is_file()]


@cache
def _defaults_of(names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for file in default_files(names):
        values = _merged(values, read_packaged_yaml(file))
    return values


def default_core() -> tuple[int, int]:
    """Least numbers of interactions of a user and of an item, where nobody sets them."""
    values = read_packaged_yaml(_OURS / "overall.yaml")
    return int(values["min_user_interactions"]), int(values["min_item_interactions"])


def _user_layers(
    files: Sequence[Path | str], overrides: Mapping[str, Any], origins: Mapping[str, Origin]
) -> Iterator[tuple[dict[str, Any], dict[str, Origin]]]:
    """Yields each layer with the origins of its keys."""
    for file in files:
        document = read_layer(file)
        yield _without_former_keys(document.values), document.origins()
    layer = _without_former_keys(_merged({}, overrides))
    yield layer, {key: origins.get(key) or origin_of_option(key) for key in layer}


def _without_former_keys(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in layer.items() if value is not None or key not in FORMER_KEYS}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new dictionary: nested blocks are merged, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            old = result.get(key)
            result[key] = _merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[key] = list(value) if isinstance(value, (list, tuple)) else value
    return result
