"""The YAML files of comparisons and ablations, checked as a whole before anything is computed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recbole_ext.config.blocks import RERANKERS
from recbole_ext.config.build import known_keys
from recbole_ext.config.messages import describe_problem
from recbole_ext.config.problem import from_pydantic
from recbole_ext.config.yaml_reader import read_yaml
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.model.registry import resolve_model
from recbole_ext.study.space import PROTOCOL_KEYS, read_space

__all__ = ["AblationSettings", "ComparisonSettings", "StudyBase", "Sweep", "blaming", "read_settings"]

_Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
_STRICT = ConfigDict(extra="forbid", frozen=True)
_OPTION = re.compile(r" in the option --(\w+)")


@contextlib.contextmanager
def blaming(file: Path, options: Collection[str] = (), what: str = "") -> Iterator[None]:
    """A mistake in a study's file names the file, and not an option that nobody has given.

    The configuration takes a study's keys as it takes options, so that its own errors speak of options.

    Args:
        file: The study.
        options: Keys that really were options: a mistake in one of them stays as it is.
        what: Clause before the mistake.

    Raises:
        ConfigError: The block has raised one.
    """
    try:
        yield
    except ConfigError as error:
        option = _OPTION.search(str(error))
        if option and option[1] in options:
            raise
        mistake = _OPTION.sub("", str(error)).replace("--model=", "")
        raise ConfigError(f"{file}: {what}{mistake}") from error


def _twice(values: Sequence[Any]) -> Any:
    """The first value that came before, or None."""
    return next((value for index, value in enumerate(values) if value in values[:index]), None)


class StudyBase(BaseModel):
    """What comparisons and ablations share.

    Attributes:
        title: For the heading.
        base: A configuration file, seen from the study's file, or keys.
        settings: Keys over those of the base.
        seeds: One run of each random model for each.
    """

    model_config = _STRICT

    title: str = ""
    base: str | dict[str, Any]
    settings: dict[str, Any] = Field(default_factory=dict)
    seeds: list[_Seed] = Field(default=[2020], min_length=1)

    @model_validator(mode="after")
    def _each_seed_once(self) -> StudyBase:
        if (seed := _twice(self.seeds)) is not None:
            raise ValueError(f"seeds names {seed} twice: leave one out")
        for where, keys in (("base", self.base), ("settings", self.settings)):
            if isinstance(keys, dict) and {"seed", "model", "output"} & keys.keys():
                raise ValueError(f"{where} sets model, seed or output: these are the study's own")
        return self

    def layers(self, file: Path) -> tuple[tuple[Path, ...], dict[str, Any]]:
        """Configuration files and the keys over them."""
        if isinstance(self.base, str):
            return (file.parent / self.base,), dict(self.settings)
        return (), {**self.base, **self.settings}


class CurveSettings(BaseModel):
    """Re-rankers on the best models.

    Attributes:
        models: How many of the models that are best on validation.
        methods: Names of re-rankers; all if None.
    """

    model_config = _STRICT

    models: int = Field(default=2, ge=0)
    methods: list[str] | None = None


class ComparisonSettings(StudyBase):
    """A comparison of models.

    Attributes:
        models: Names, or ``package.module:Class``.
        trials: Of each model that has a space.
        budget_minutes: Time of each model's trials; None has no limit.
        spaces: Model to the file of its search space, seen from the study's file; others are not tuned.
        sampler, pruner: As in ``tune``.
        final: Keys of the runs after the searches, over ``settings``: a search may stop early what a final run may not.
        curves: Re-rankers on the best models.
    """

    models: list[str] = Field(min_length=1)
    trials: int = Field(default=20, ge=1)
    budget_minutes: float | None = Field(default=None, gt=0)
    spaces: dict[str, str] = Field(default_factory=dict)
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "asha", "hyperband", "none"] = "median"
    final: dict[str, Any] = Field(default_factory=dict)
    curves: CurveSettings = CurveSettings(models=0)

    @model_validator(mode="after")
    def _final_keeps_the_protocol(self) -> ComparisonSettings:
        for key in sorted(self.final.keys() & PROTOCOL_KEYS):
            raise ValueError(f"final sets {key}, which decides what is measured: set it in settings")
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> ComparisonSettings:
        for name in self.models:
            resolve_model(name)
        if (double := _twice(self.models)) is not None:
            raise ValueError(f"models names {double} twice: leave one out")
        for name in self.spaces:
            if name not in self.models:
                raise ValueError(
                    f"spaces names {name!r}, which is none of the models{nearest(name, self.models)}"
                )
        for method in self.curves.methods or ():
            if method not in RERANKERS:
                raise ValueError(f"curves names the method {method!r}{nearest(method, RERANKERS)}")
        return self

    def space_files(self, file: Path) -> dict[str, Path]:
        """Model to its search space, each read once to find mistakes."""
        found = {name: file.parent / space for name, space in self.spaces.items()}
        for name, space in found.items():
            read_space(space, known_keys(resolve_model(name)[1]))
        return found


class Sweep(BaseModel):
    """One key of one model over several values.

    Attributes:
        model: A name.
        key: Any configuration key that leaves the protocol as it is.
        values: At least two.
        settings: Keys of this model that are the same at all values, such as those a search has found.
    """

    model_config = _STRICT

    model: str
    key: str
    values: list[Any] = Field(min_length=2)
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _key_is_known(self) -> Sweep:
        _, model_class = resolve_model(self.model)
        known = known_keys(model_class)
        for key in (self.key, *self.settings):
            if key not in known:
                raise ValueError(f"unknown key {key!r} of {self.model}{nearest(key, known)}")
        if self.key in PROTOCOL_KEYS:
            raise ValueError(f"{self.key} decides what is measured: a sweep over it compares nothing")
        if self.key in self.settings:
            raise ValueError(f"{self.key} is swept and set: leave one out")
        if (double := _twice([repr(value) for value in self.values])) is not None:
            raise ValueError(f"values names {double} of {self.key} twice: leave one out")
        return self


class AblationSettings(StudyBase):
    """Sweeps of single keys."""

    sweeps: list[Sweep] = Field(min_length=1)


Settings = TypeVar("Settings", bound=StudyBase)


def read_settings(file: Path, kind: type[Settings]) -> Settings:
    """Reads the file of a study.

    Args:
        file: YAML.
        kind: What it must be.

    Raises:
        ConfigError: It is missing or malformed, has an unknown key, or a value that cannot be used.
    """
    values, lines = read_yaml(file)
    for key in values:
        if key not in kind.model_fields:
            raise ConfigError(
                f"unknown key {key!r} in {file}, line {lines[key]}{nearest(key, kind.model_fields)} "
                f"(keys: {', '.join(kind.model_fields)})"
            )
    try:
        with blaming(file):
            return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        outer = str(first["loc"][0]) if first["loc"] else ""
        line = f", line {lines[outer]}" if outer in lines else ""
        raise ConfigError(f"{file}{line}: {_sentence(first, kind)}") from None


def _sentence(error: Any, kind: type[BaseModel]) -> str:
    """A mistake with its place inside the file."""
    if error["loc"][:1] == ("base",):  # of two kinds, of which pydantic blames the first
        return "base must be the name of a configuration file, or a block of keys and values"
    return describe_problem(from_pydantic(error, form=kind))
