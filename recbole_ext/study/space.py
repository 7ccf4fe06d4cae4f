"""Search spaces: read from YAML, checked before the first trial, sampled in the order of their conditions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_ext.config.messages import config_error
from recbole_ext.config.model_source import ModelSource
from recbole_ext.config.problem import Origin, Problem, origin_of_option
from recbole_ext.config.read import CheckedConfig, known_keys, read_config
from recbole_ext.config.yaml_reader import Document, read_yaml
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.study.parameters import CategoricalParameter, Parameter, read_parameter

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["PROTOCOL_KEYS", "SearchSpace", "read_space", "usable_space"]

PROTOCOL_KEYS = frozenset(
    {
        "candidates", "cold_history", "confidence", "data_path", "dataset", "fold", "folds", "head_rule",
        "history_shuffle", "mask_seen", "metrics", "min_item_interactions", "min_user_interactions", "model",
        "offline_dataset", "output", "propensity_power", "rating_threshold", "rerank", "same_history", "seed",
        "session_gap", "split", "split_ratio", "split_seed", "split_targets", "split_time", "tie_break", "topk",
        "valid_metric", "valid_users",
    }
)  # fmt: skip
"""Keys that decide what is measured: trials that differ in one of them cannot be compared."""


@dataclass(frozen=True)
class SearchSpace:
    """The parameters of one model; each follows the parameters that its condition names.

    Attributes:
        parameters: Maps configuration keys to ranges or choices.
        source: The file, as named in errors.
        lines: Line of each parameter in the file.
    """

    parameters: Mapping[str, Parameter]
    source: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def origin(self, name: str) -> Origin:
        """Returns where a parameter was written."""
        return Origin(self.source, self.lines.get(name))

    def draw(self, trial: Trial) -> dict[str, Any]:
        """Draws the values of one trial; a key whose condition does not hold keeps the configuration's value."""
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if all(key in values and values[key] in wanted for key, wanted in parameter.when.items()):
                values[name] = parameter.draw(trial, name)
        return values

    def nearest_to(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the point of the space nearest to the configuration, for ``enqueue_trial``.

        Args:
            settings: Maps configuration keys to values. Values outside a range are clipped. Values that are not a
                choice are omitted, as are keys whose condition does not hold.
        """
        near = {name: p.nearest(settings.get(name)) for name, p in self.parameters.items()}
        found: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            holds = all(
                key in found and settings.get(key) in wanted for key, wanted in parameter.when.items()
            )
            if holds and near[name] is not None:
                found[name] = near[name]
        return found

    def examples(self) -> Iterator[dict[str, Any]]:
        """Yields settings that reach each end and each choice once, with values that fulfil all conditions."""
        for name, parameter in self.parameters.items():
            for value in parameter.examples():
                yield {**self._fulfilled(name), name: value}

    def _fulfilled(self, name: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, wanted in self.parameters[name].when.items():
            values.update(self._fulfilled(key))
            values[key] = wanted[0]
        return values

    def plain(self) -> dict[str, Any]:
        """Returns the space as plain data, for comparison with a stored one."""
        return {name: parameter.model_dump(mode="json") for name, parameter in self.parameters.items()}


def read_space(file: Path, known: Collection[str]) -> SearchSpace:
    """Reads and checks a search space.

    Args:
        file: YAML, one configuration key per line: ``learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}``.
        known: The keys that the model's configuration may set.

    Raises:
        ConfigError: The file is missing, empty or malformed; a key is unknown or decides what is measured; low is
            above high; choices are empty or repeated; a condition names an unknown key or value, or conditions are
            circular.
    """
    document = read_yaml(file)
    if not document.values:
        raise ConfigError(f"the search space {file} is empty: name at least one key, with its type and range")
    parameters: dict[str, Parameter] = {}
    for name in document.values:
        origin = document.origin(name)
        if name not in known:
            raise config_error(Problem((name,), "unknown_key", known=tuple(known), origin=origin))
        if name in PROTOCOL_KEYS:
            raise _refused(name, "decides what is measured: set it in the configuration, not here", origin)
        parameters[name] = read_parameter(name, document)
    for name, parameter in parameters.items():
        _check_condition(name, parameter, parameters, document)
    lines = {name: document.lines[name,] for name in parameters}
    return SearchSpace(_in_order(parameters, str(file)), str(file), lines)


def _refused(name: str, reason: str, origin: Origin) -> ConfigError:
    return config_error(Problem((name,), "value_error", reason=reason, origin=origin))


def _check_condition(
    name: str, parameter: Parameter, parameters: Mapping[str, Parameter], document: Document
) -> None:
    for key, wanted in parameter.when.items():
        origin = document.origin(name, "when", key)
        if key not in parameters:
            hint = nearest(key, parameters) or ": add it, or remove the condition"
            raise _refused(name, f"depends on {key!r}, which the space does not draw{hint}", origin)
        above = parameters[key]
        if not isinstance(above, CategoricalParameter):
            raise _refused(name, f"depends on {key}, which is a range: only choices can decide", origin)
        strange = [value for value in wanted if value not in above.choices]
        if strange or not wanted:
            found = repr(strange[0]) if strange else "no value"
            raise _refused(name, f"waits for {key} to be {found}: its choices are {above.choices}", origin)


def _in_order(parameters: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Orders parameters after those of their conditions, otherwise as written."""
    ordered: dict[str, Any] = {}
    while len(ordered) < len(parameters):
        ready = [
            n for n, p in parameters.items() if n not in ordered and all(key in ordered for key in p.when)
        ]
        if not ready:
            circle = ", ".join(name for name in parameters if name not in ordered)
            raise ConfigError(
                f"the conditions of {circle} in {source} wait for each other: remove one of them"
            )
        ordered.update((name, parameters[name]) for name in ready)
    return ordered


def usable_space(
    file: Path,
    model: ModelSource,
    files: Sequence[Path | str],
    values: Mapping[str, Any],
    config: CheckedConfig,
    origins: Mapping[str, Origin] | None = None,
) -> SearchSpace:
    """Reads a space and checks that the configuration accepts its values.

    Args:
        file: The space.
        model: The model to search.
        files: YAML files of the configuration.
        values: Keys that override the files; none of them may be searched.
        config: The configuration of files and values.
        origins: Where the values were written; missing entries were options.

    Raises:
        ConfigError: The space cannot be read, searches a key that is set, or contains an invalid value.
    """
    space, origins = read_space(file, known_keys(model)), origins or {}
    for key in space.parameters:
        if key in values:
            origin = origins.get(key) or origin_of_option(key)
            raise _refused(key, f"is also searched in {space.origin(key)}: leave one out", origin)
    written = {**origins, **{key: space.origin(key) for key in space.parameters}}
    for example in space.examples():
        read_config(model, files, {**values, **example}, origins=written)
    _check_signs(space, config)
    return space


def _check_signs(space: SearchSpace, config: CheckedConfig) -> None:
    """Rejects negative values for keys whose configured value is a count; not every key has a typed schema."""
    for name, parameter in space.parameters.items():
        counts = [value for value in parameter.examples() if _is_whole(value)]
        if _is_whole(config[name]) and config[name] > 0 and min(counts, default=0) < 0:
            reason = (
                f"goes down to {min(counts)}, but counts something ({config[name]} if it is not searched): begin at 0 "
                "or above"
            )
            raise _refused(name, reason, space.origin(name))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
