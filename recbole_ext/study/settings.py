"""The YAML files of comparisons and ablations, checked completely before any computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from recbole_ext.config.blocks import RERANKERS
from recbole_ext.config.messages import config_error
from recbole_ext.config.problem import Origin, Problem, first_error, from_pydantic, origin_of_option
from recbole_ext.config.read import known_keys
from recbole_ext.config.yaml_reader import Document, read_yaml
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.model.registry import ModelSpec, model_spec
from recbole_ext.study.space import PROTOCOL_KEYS
from recbole_ext.trainer.configure import source_of_model

__all__ = [
    "AblationSettings",
    "ComparisonSettings",
    "PrunerName",
    "SamplerName",
    "Seed",
    "StudyBase",
    "Sweep",
    "read_settings",
]

SamplerName = Literal["tpe", "random"]
PrunerName = Literal["median", "asha", "hyperband", "none"]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
_STRICT = ConfigDict(extra="forbid", frozen=True)
_OWN_KEYS = frozenset({"seed", "model", "output"})


def _first_repeated(values: Sequence[Any]) -> Any:
    """Returns the first value that repeats an earlier one, or None."""
    return next((value for index, value in enumerate(values) if value in values[:index]), None)


def _known_model(name: str) -> ModelSpec:
    """Returns the registry's entry; its error is reworded to follow the key."""
    try:
        return model_spec(name)
    except ConfigError as error:
        reason = error.problem.reason if isinstance(error.problem, Problem) else str(error)
        raise ValueError(f"names {name}, which {reason}") from error


class StudyBase(BaseModel):
    """The keys shared by comparisons and ablations.

    Attributes:
        title: Title of the report.
        base: A configuration file, relative to the study's file, or a block of keys.
        settings: Keys that override the base.
        seeds: Each random model is run once per seed.
    """

    model_config = _STRICT

    title: str = ""
    base: str | dict[str, Any]
    settings: dict[str, Any] = Field(default_factory=dict)
    seeds: list[Seed] = Field(default=[2020], min_length=1)

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int]) -> list[int]:
        if (seed := _first_repeated(seeds)) is not None:
            raise ValueError(f"names {seed} twice: remove one")
        return seeds

    @field_validator("base", "settings")
    @classmethod
    def _leaves_the_studys_own_keys(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and _OWN_KEYS & keys.keys():
            raise ValueError("sets model, seed or output, which the study controls: remove it")
        return keys

    def layers(
        self, document: Document, overrides: Mapping[str, Any]
    ) -> tuple[tuple[Path, ...], dict[str, Any], dict[str, Origin]]:
        """Returns configuration files, the keys that override them, and the origins of keys from the study's file.

        Raises:
            ConfigError: An override is a key that the study controls.
        """
        for key in sorted(_OWN_KEYS & overrides.keys()):
            reason = f"is controlled by the study: leave the option out and edit {document.source}"
            raise config_error(Problem((key,), "value_error", reason=reason, origin=origin_of_option(key)))
        files = (Path(document.source).parent / self.base,) if isinstance(self.base, str) else ()
        values = {} if isinstance(self.base, str) else dict(self.base)
        origins = {key: document.origin("base", key) for key in values}
        origins |= {key: document.origin("settings", key) for key in self.settings}
        own = {key: origin for key, origin in origins.items() if key not in overrides}
        return files, {**values, **self.settings, **overrides}, own


class CurveSettings(BaseModel):
    """Re-rankers on the best models.

    Attributes:
        models: Number of models, the best on validation.
        methods: Names of re-rankers; all if None.
    """

    model_config = _STRICT

    models: int = Field(default=2, ge=0)
    methods: list[str] | None = None

    @field_validator("methods")
    @classmethod
    def _methods_are_known(cls, methods: list[str] | None) -> list[str] | None:
        for method in methods or ():
            if method not in RERANKERS:
                raise ValueError(f"names the method {method!r}{nearest(method, RERANKERS)}")
        return methods


class ComparisonSettings(StudyBase):
    """A comparison of models.

    Attributes:
        models: Names, or ``package.module:Class``, each once.
        trials: Number of trials of each model with a space.
        trials_at_once: Trials of one search that are drawn before any of them has a result, and can run at the same
            time. It decides which settings are tried, wherever the study runs.
        budget_minutes: Time limit of each model's trials; None for no limit.
        spaces: Maps models to search-space files, relative to the study's file; other models are not tuned.
        sampler, pruner: As in ``tune``.
        final: Keys of the runs after the searches; they override ``settings``, for example to train longer.
        curves: Re-rankers on the best models.
        protocols: Name to keys of the protocol, such as ``{split: global_time}``; they override ``settings``. The
            comparison is made under each of them.
    """

    models: list[str] = Field(min_length=1)
    trials: int = Field(default=20, ge=1)
    trials_at_once: int = Field(default=1, ge=1)
    budget_minutes: float | None = Field(default=None, gt=0)
    spaces: dict[str, str] = Field(default_factory=dict)
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "median"
    final: dict[str, Any] = Field(default_factory=dict)
    curves: CurveSettings = CurveSettings(models=0)

    @field_validator("final")
    @classmethod
    def _final_keeps_the_protocol(cls, final: dict[str, Any]) -> dict[str, Any]:
        for key in sorted(final.keys() & PROTOCOL_KEYS):
            raise ValueError(f"sets {key}, which decides what is measured: set it in settings")
        return final

    protocols: dict[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], dict[str, Any]] = Field(
        default_factory=dict
    )

    @field_validator("protocols")
    @classmethod
    def _protocols_are_protocols(cls, protocols: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if len(protocols) == 1:
            raise ValueError("names one protocol: name two or more, or set its keys in settings")
        for name, keys in protocols.items():
            for key in sorted(keys.keys() & _OWN_KEYS | keys.keys() - PROTOCOL_KEYS):
                raise ValueError(f"sets {key} in {name}, which is no key of a protocol: set it in settings")
        return protocols

    @field_validator("models")
    @classmethod
    def _models_are_known(cls, models: list[str]) -> list[str]:
        for name in models:
            _known_model(name)
        if (double := _first_repeated(models)) is not None:
            raise ValueError(f"names {double} twice: remove one")
        return models

    @field_validator("spaces")
    @classmethod
    def _spaces_are_of_models(cls, spaces: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        models = info.data.get("models")
        for name in spaces:
            if models is not None and name not in models:
                raise ValueError(f"names {name!r}, which is not one of the models{nearest(name, models)}")
        return spaces


class Sweep(BaseModel):
    """One key of one model over several values.

    Attributes:
        model: A name.
        key: Any configuration key that does not change the protocol.
        values: At least two.
        settings: Fixed keys of this model, such as the result of a search.
    """

    model_config = _STRICT

    model: str
    key: str
    values: list[Any] = Field(min_length=2)
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, model: str) -> str:
        _known_model(model)
        return model

    @model_validator(mode="after")
    def _key_is_known(self) -> Sweep:
        known = known_keys(source_of_model(model_spec(self.model)))
        for key in (self.key, *self.settings):
            if key not in known:
                raise ValueError(f"names the unknown key {key!r} of {self.model}{nearest(key, known)}")
        if self.key in PROTOCOL_KEYS:
            raise ValueError(f"has the key {self.key}, which decides what is measured: sweep another key")
        if self.key in self.settings:
            raise ValueError(f"sweeps and sets {self.key}: remove one")
        if (double := _first_repeated([repr(value) for value in self.values])) is not None:
            raise ValueError(f"has the value {double} of {self.key} twice: remove one")
        return self


class AblationSettings(StudyBase):
    """Sweeps of single keys."""

    sweeps: list[Sweep] = Field(min_length=1)


Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(file: Path, kind: type[Settings]) -> tuple[Settings, Document]:
    """Reads the file of a study.

    Args:
        file: YAML file.
        kind: The expected form.

    Returns:
        The settings, and the parsed file, which knows the line of each key.

    Raises:
        ConfigError: The file is missing or malformed, or has an unknown key or an invalid value.
    """
    document = read_yaml(file)
    try:
        return kind.model_validate(document.values), document
    except ValidationError as error:
        first = first_error(error)
        place = first["loc"]
        if place[:1] == ("base",) and len(place) > 1:  # a union, of which pydantic blames the first kind
            reason = "must be the name of a configuration file, or a block of keys and values"
            problem = Problem(("base",), first["type"], first["input"], reason=reason)
        else:
            problem = from_pydantic(first, form=kind)
        raise config_error(replace(problem, origin=document.origin(*place))) from None
