"""The parameters of a search space: ranges and choices from which trials draw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recbole_ext.config.messages import config_error
from recbole_ext.config.problem import Key, Origin, Problem, first_error, from_pydantic
from recbole_ext.config.yaml_reader import Document

if TYPE_CHECKING:
    from optuna import Trial

__all__ = ["CategoricalParameter", "FloatParameter", "IntParameter", "Parameter", "read_parameter"]


class _Parameter(BaseModel):
    """Base of all kinds of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: dict[str, list[Any]] = Field(default_factory=dict)

    def examples(self) -> list[Any]:
        """Returns values that represent the whole range in validity checks."""
        raise NotImplementedError

    def draw(self, trial: Trial, name: str) -> Any:
        """The trial's value."""
        raise NotImplementedError

    def nearest(self, value: Any) -> Any:
        """Returns Optuna's stored form of the value or of the nearest one; None if there is none."""
        raise NotImplementedError


class _Range(_Parameter):
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> _Range:
        if self.low > self.high:
            raise ValueError(f"has low {self.low:g} above high {self.high:g}: swap them")
        if self.log and self.low <= 0:
            raise ValueError(f"has log, which needs a low above 0, not {self.low:g}")
        step = getattr(self, "step", None)
        if self.log and step not in (None, 1):
            raise ValueError("has log and step, which exclude each other: remove one")
        if step is not None:
            self._check_step(step)
        return self

    def _check_step(self, step: float) -> None:
        """Rejects a step that misses ``high``; Optuna would lower ``high`` with only a warning."""
        # In decimals: 0.3 is a multiple of 0.1 as written, but not as stored in floats.
        low, high, width = (Decimal(str(value)) for value in (self.low, self.high, step))
        whole = math.floor((high - low) / width)
        if low + whole * width == high:
            return
        ends = [
            f"{end.normalize():f}" for end in (low + whole * width, low + (whole + 1) * width) if end > low
        ]
        raise ValueError(
            f"has step {step:g}, which does not lead from low {self.low:g} to high {self.high:g}: set high to "
            f"{' or '.join(ends)}, or choose another step"
        )

    def nearest(self, value: Any) -> Any:
        """Returns the value, clipped to the range."""
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
    low: int = Field(ge=-(2**63), le=2**63 - 1)
    high: int = Field(ge=-(2**63), le=2**63 - 1)
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
                raise ValueError(f"names {choice!r} twice: remove one")
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


Parameter = FloatParameter | IntParameter | CategoricalParameter
_KINDS: dict[str, type[FloatParameter | IntParameter | CategoricalParameter]] = {
    "float": FloatParameter,
    "int": IntParameter,
    "categorical": CategoricalParameter,
}


def read_parameter(name: str, document: Document) -> Parameter:
    """Reads one parameter of a search space.

    Args:
        name: Its configuration key.
        document: The file of the space.

    Raises:
        ConfigError: A key is unknown or missing, or a value cannot be used.
    """
    block = document.values[name]
    if not isinstance(block, Mapping):
        reason = f"is {block!r}: give a block such as {{type: categorical, choices: [64, 128]}}"
        raise config_error(Problem((name,), "dict_type", block, reason=reason, origin=document.origin(name)))
    kind = block.get("type")
    if kind not in _KINDS:
        place: Key = (name, "type") if "type" in block else (name,)
        reason = (
            f"is {kind!r}, which is not a type: use float, int or categorical"
            if "type" in block
            else "has no type: add float, int or categorical"
        )
        raise config_error(
            Problem(place, "unknown_name", kind, reason=reason, origin=document.origin(*place))
        )
    try:
        return _KINDS[kind].model_validate(dict(block))
    except ValidationError as error:
        first = first_error(error)
        origin: Origin = document.origin(name, *first["loc"])
        raise config_error(from_pydantic(first, (name,), origin, _KINDS[kind])) from None


def _label(choice: Any) -> Any:
    return json.dumps(choice) if isinstance(choice, list | dict) else choice
