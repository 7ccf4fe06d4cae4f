"""Search spaces: read from YAML, checked before the first trial, drawn from in the order of their conditions."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from optuna import Trial
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from recbole_ext.config.messages import describe_problem
from recbole_ext.config.problem import from_pydantic
from recbole_ext.config.yaml_reader import read_yaml
from recbole_ext.errors import ConfigError, nearest

__all__ = ["PROTOCOL_KEYS", "SearchSpace", "read_space"]

PROTOCOL_KEYS = frozenset(
    {
        "confidence", "data_path", "dataset", "head_rule", "mask_seen", "metrics", "min_item_interactions",
        "min_user_interactions", "model", "offline_dataset", "output", "rating_threshold", "rerank", "seed",
        "serve", "split", "split_ratio", "tie_break", "topk", "tune", "valid_metric",
    }
)  # fmt: skip
"""Keys that decide what is measured: trials that differ in one of them cannot be compared."""


class _Parameter(BaseModel):
    """What all kinds of parameters have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: dict[str, list[Any]] = Field(default_factory=dict)

    def examples(self) -> list[Any]:
        """Values whose validity stands for the whole range."""
        raise NotImplementedError

    def draw(self, trial: Trial, name: str) -> Any:
        """The trial's value."""
        raise NotImplementedError

    def nearest(self, value: Any) -> Any:
        """What Optuna stores for the value, or for the one next to it; None if none is near."""
        raise NotImplementedError


class _Range(_Parameter):
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> _Range:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}: exchange them")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low:g}")
        step = getattr(self, "step", None)
        if self.log and step not in (None, 1):
            raise ValueError("log and step exclude each other: leave one out")
        if step is not None:
            self._check_step(step)
        return self

    def _check_step(self, step: float) -> None:
        """Optuna would lower ``high`` to the last step, with a warning of its own."""
        # In decimals: 0.1 goes three times into 0.3 as it is written, but not as floats are stored.
        low, high, width = (Decimal(str(value)) for value in (self.low, self.high, step))
        whole = math.floor((high - low) / width)
        if low + whole * width == high:
            return
        ends = [
            f"{end.normalize():f}" for end in (low + whole * width, low + (whole + 1) * width) if end > low
        ]
        raise ValueError(
            f"step {step:g} does not lead from low {self.low:g} to high {self.high:g}: set high to "
            f"{' or '.join(ends)}, or choose another step"
        )

    def nearest(self, value: Any) -> Any:
        """The value, or the end that lies beyond it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        kept, step = min(max(value, self.low), self.high), getattr(self, "step", None)
        return kept if self.log or step is None else self.low + step * round((kept - self.low) / step)


class FloatParameter(_Range):
    """A real number, uniform or log-uniform."""

    type: Literal["float"]
    step: float | None = Field(default=None, gt=0)

    def examples(self) -> list[Any]:
        """Both ends."""
        return [self.low, self.high]

    def draw(self, trial: Trial, name: str) -> float:
        """The trial's value."""
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


class IntParameter(_Range):
    """A whole number, uniform or log-uniform."""

    type: Literal["int"]
    low: int
    high: int
    step: int = Field(default=1, ge=1)

    def examples(self) -> list[Any]:
        """Both ends."""
        return [self.low, self.high]

    def draw(self, trial: Trial, name: str) -> int:
        """The trial's value."""
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)


class CategoricalParameter(_Parameter):
    """One of several values; a list such as ``[128, 64]`` is a value too."""

    type: Literal["categorical"]
    choices: list[Any] = Field(min_length=1)

    @field_validator("choices")
    @classmethod
    def _each_once(cls, choices: list[Any]) -> list[Any]:
        labels = [_label(choice) for choice in choices]
        for index, choice in enumerate(choices):
            if labels[index] in labels[:index]:
                raise ValueError(f"names {choice!r} twice: leave it out")
        return choices

    def examples(self) -> list[Any]:
        """All of them."""
        return list(self.choices)

    def draw(self, trial: Trial, name: str) -> Any:
        """The trial's value; Optuna stores lists as JSON text, since it takes plain values only."""
        by_label = {_label(choice): choice for choice in self.choices}
        return by_label[trial.suggest_categorical(name, list(by_label))]

    def nearest(self, value: Any) -> Any:
        """The value's label if it is a choice."""
        return next((_label(choice) for choice in self.choices if choice == value), None)


Parameter = Annotated[FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]
_PARAMETER: TypeAdapter[Any] = TypeAdapter(Parameter)


def _label(choice: Any) -> Any:
    return json.dumps(choice) if isinstance(choice, list | dict) else choice


@dataclass(frozen=True)
class SearchSpace:
    """Parameters of one model, each after those that its condition names.

    Attributes:
        parameters: Configuration key to its range or choices.
        source: The file, as errors name it.
        lines: Line of each parameter in it.
    """

    parameters: Mapping[str, FloatParameter | IntParameter | CategoricalParameter]
    source: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def draw(self, trial: Trial) -> dict[str, Any]:
        """The values of one trial; a key whose condition does not hold is left at the configuration's value."""
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if all(key in values and values[key] in wanted for key, wanted in parameter.when.items()):
                values[name] = parameter.draw(trial, name)
        return values

    def nearest_to(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Where the configuration lies in the space, for ``enqueue_trial``.

        Args:
            settings: Configuration key to value. What is outside a range is taken to its end; a value that is no
                choice is left out, and so is a key whose condition does not hold.
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
        """Settings that reach each end and each choice once, with a value that fulfils each condition."""
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
        """The space as plain data, for comparison with a stored one."""
        return {name: parameter.model_dump(mode="json") for name, parameter in self.parameters.items()}


def read_space(file: Path, known: Collection[str]) -> SearchSpace:
    """Reads and checks a search space.

    Args:
        file: YAML, a configuration key a line: ``learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}``.
        known: The keys that the model's configuration may set.

    Raises:
        ConfigError: The file is missing, empty or malformed; a key is unknown or decides what is measured; low is
            above high; there is no choice, or one twice; a condition names an unknown key or value, or conditions are
            circular.
    """
    values, lines = read_yaml(file)
    if not values:
        raise ConfigError(f"the search space {file} is empty: name at least one key, with its type and range")
    parameters: dict[str, Any] = {}
    for name, block in values.items():
        place = f"{file}, line {lines[name]}"
        if name not in known:
            raise ConfigError(f"unknown key {name!r} in {place}{nearest(name, known) or ': remove it'}")
        if name in PROTOCOL_KEYS:
            raise ConfigError(
                f"{name} in {place} decides what is measured: set it in the configuration, not here"
            )
        parameters[name] = _parameter(name, block, place)
    for name, parameter in parameters.items():
        _check_condition(name, parameter, parameters, f"{file}, line {lines[name]}")
    return SearchSpace(_in_order(parameters, str(file)), str(file), lines)


def _parameter(name: str, block: Any, place: str) -> Any:
    if not isinstance(block, Mapping):
        raise ConfigError(
            f"{name} in {place} is {block!r}: give a block such as {{type: categorical, choices: [64, 128]}}"
        )
    try:
        return _PARAMETER.validate_python(dict(block))
    except ValidationError as error:
        first = error.errors()[0]
        first = {**first, "loc": first["loc"][1:]}  # the first part is the type
        hint = {
            "extra_forbidden": "is no key of a parameter: use type, low, high, log, step, choices and when",
            "union_tag_not_found": "it has no type: add float, int or categorical",
            "union_tag_invalid": f"type {block.get('type')!r} is none of float, int and categorical: choose one",
        }.get(first["type"]) or describe_problem(from_pydantic(first))
        raise ConfigError(f"{name} in {place}: {hint}") from None


def _check_condition(name: str, parameter: Any, parameters: Mapping[str, Any], place: str) -> None:
    for key, wanted in parameter.when.items():
        if key not in parameters:
            raise ConfigError(
                f"{name} in {place} depends on {key!r}, which the space does not draw"
                f"{nearest(key, parameters) or ': add it, or remove the condition'}"
            )
        above = parameters[key]
        if not isinstance(above, CategoricalParameter):
            raise ConfigError(
                f"{name} in {place} depends on {key}, which is a range: only choices can decide"
            )
        strange = [value for value in wanted if value not in above.choices]
        if strange or not wanted:
            found = repr(strange[0]) if strange else "no value"
            raise ConfigError(
                f"{name} in {place} waits for {key} to be {found}: its choices are {above.choices}"
            )


def _in_order(parameters: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Each parameter after those of its condition; otherwise as written."""
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
