"""The blocks of a configuration, such as ``rerank:`` and ``candidates:``, and the one table of re-rankers by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from recbole_ext.config.messages import config_error
from recbole_ext.config.problem import Key, Origin, Problem, first_error, from_pydantic
from recbole_ext.errors import ConfigError, nearest

__all__ = [
    "CALIBRATION_CATEGORIES",
    "METHODS",
    "RERANKERS",
    "XQUAD_VARIANTS",
    "CandidateSampling",
    "ExposureSettings",
    "HistoryWeighting",
    "ParetoSettings",
    "RerankMethod",
    "RerankSettings",
    "check_candidates_fit",
    "check_methods",
    "read_candidates",
    "read_history_weighting",
    "read_pareto",
    "read_rerank",
    "rerank_method",
]

XQuADVariant = Literal["smooth", "binary"]
CalibrationCategory = Literal["popularity", "genres"]
XQUAD_VARIANTS: tuple[str, ...] = get_args(XQuADVariant)
CALIBRATION_CATEGORIES: tuple[str, ...] = get_args(CalibrationCategory)
_SYMBOLS = ("alpha", "lambda", "lam")
_DEFAULT_CANDIDATES = 200


@dataclass(frozen=True)
class RerankMethod:
    """The description of a per-user re-ranker in the configuration.

    Attributes:
        name: Value of ``method``.
        rule: The formula, as in the protocol.
        symbol: Name of the strength in the formula: ``alpha`` or ``lambda``.
        paper: Authors, venue and year.
        falling: Whether the formula's own symbol is 1 - strength.
        highest_strength: Upper end of the strength; the lower is 0, the input order.
        options: Further keys of this method.
    """

    name: str
    rule: str
    symbol: str
    paper: str = ""
    falling: bool = False
    highest_strength: float = 1.0
    options: tuple[str, ...] = ()


METHODS: dict[str, RerankMethod] = {
    method.name: method
    for method in (
        RerankMethod("popularity_penalty", "s - α·p", "alpha", highest_strength=math.inf),
        RerankMethod("value_aware", "(1-λ)·s + λ·(1-p)", "lambda"),
        RerankMethod(
            "xquad",
            "(1-λ)·s + λ·P(c|u)·(1 - share of c in the list)",
            "lambda",
            "Abdollahpouri et al., FLAIRS 2019",
            options=("variant",),
        ),
        RerankMethod(
            "calibrated",
            "(1-λ)·Σs - λ·KL(p‖q)",
            "lambda",
            "Steck, RecSys 2018",
            options=("over", "smoothing"),
        ),
        RerankMethod(
            "mmr",
            "λ·s - (1-λ)·max similarity",
            "lambda",
            "Carbonell and Goldstein, SIGIR 1998",
            falling=True,
        ),
    )
}
RERANKERS = (*METHODS, "exposure")
"""All values of ``method``."""


def rerank_method(name: str) -> RerankMethod:
    """Looks up a method by name.

    Raises:
        ConfigError: The method does not exist.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ConfigError(
            f"there is no re-ranker {name!r}: use one of {', '.join(METHODS)}{nearest(str(name), METHODS)}"
        )
    return METHODS[name]


class RerankSettings(BaseModel):
    """One method that orders each user's candidates, how strong it is, and on how many candidates it works.

    The strength is written once, as

    - ``strength`` or ``alpha``, for every method: 0 = input order; or
    - ``lambda`` or ``lam``: the λ of the method's formula in the protocol. That is the strength, except for
      ``mmr``, where strength = 1 - λ; ``popularity_penalty`` has none.

    Example: ``rerank: {method: popularity_penalty, alpha: 0.1}``.

    Attributes:
        method: A key of ``METHODS``.
        strength: 0 = input order, independent of the key that set it.
        candidates: N, the length of the lists that are scaled and re-ordered.
        variant: Of ``xquad``; None = its default, also below.
        over: Of ``calibrated``.
        smoothing: Of ``calibrated``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: str
    strength: float = Field(ge=0, allow_inf_nan=False)
    candidates: int = Field(default=_DEFAULT_CANDIDATES, ge=1)
    variant: XQuADVariant | None = None
    over: CalibrationCategory | None = None
    smoothing: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_the_method(self) -> RerankSettings:
        method = rerank_method(self.method)
        if self.strength > method.highest_strength:
            raise ValueError(
                f"has the strength {self.strength:g} for {self.method}: give at most {method.highest_strength:g}"
            )
        for option in ("variant", "over", "smoothing"):
            if getattr(self, option) is not None and option not in method.options:
                takes = f"takes {', '.join(method.options)}" if method.options else "takes no options"
                raise ValueError(
                    f"has the key {option!r}, but {self.method} has no option {option!r}: it {takes}"
                )
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The given options of the method."""
        given = {name: getattr(self, name) for name in ("variant", "over", "smoothing")}
        return {name: value for name, value in given.items() if value is not None}

    def plain(self) -> dict[str, Any]:
        """A block that reads back as the same."""
        return self.model_dump(exclude_none=True)

    def __str__(self) -> str:
        method = rerank_method(self.method)
        symbol, value = method.symbol, 1.0 - self.strength if method.falling else self.strength
        return (
            f"{self.method} ({method.rule}), {symbol} {value:g}, scores min-max scaled per user over the top "
            f"{self.candidates}"
        )


class ExposureSettings(BaseModel):
    """Lists with the best total score subject to floors on coverage and tail share.

    Attributes:
        method: ``exposure``.
        coverage: Minimum share of the catalogue in at least one list.
        tail_share: Minimum share of tail items in all lists.
        candidates: N, the length of the lists that are scaled and chosen from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: Literal["exposure"]
    coverage: float = Field(default=0.0, ge=0, le=1)
    tail_share: float = Field(default=0.0, ge=0, le=1)
    candidates: int = Field(default=_DEFAULT_CANDIDATES, ge=1)

    @model_validator(mode="after")
    def _has_a_floor(self) -> ExposureSettings:
        if not (self.coverage or self.tail_share):
            raise ValueError("has no floor: give coverage, tail_share or both, each from 0 to 1")
        return self

    def plain(self) -> dict[str, Any]:
        """A block that reads back as the same: the keys that were given."""
        return self.model_dump(exclude_unset=True)


class ParetoSettings(BaseModel):
    """The ``pareto:`` block: what to sweep, and the rule that selects a strength on validation.

    Attributes:
        methods: Names of re-rankers; None = all.
        candidates: N, the length of the lists that are re-ranked.
        most_loss: Share of the validation NDCG that the chosen strength, the one of largest coverage, may cost.
        strengths: By method, instead of the strengths that the sweep takes; for ``exposure`` coverage floors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...] | None = None
    candidates: int = Field(default=_DEFAULT_CANDIDATES, ge=1)
    most_loss: float = Field(default=0.02, ge=0, lt=1)
    strengths: dict[str, tuple[float, ...]] = Field(default_factory=dict)


def read_rerank(
    block: Mapping[str, Any] | None, origin: Origin | None = None
) -> RerankSettings | ExposureSettings:
    """Reads and validates a ``rerank:`` block.

    Args:
        block: The value of ``rerank`` in the configuration.
        origin: Where it was written.

    Returns:
        Frozen settings, whose ``plain()`` reads back as the same.

    Raises:
        ConfigError: A key is unknown or missing, or a value cannot be used.
    """
    here: Key = ("rerank",)
    if not isinstance(block, Mapping):
        reason = f"is {block!r}: give a block such as {{method: popularity_penalty, alpha: 0.1}}"
        raise config_error(Problem(here, "dict_type", block, reason=reason, origin=origin))
    if "method" not in block:
        raise config_error(Problem((*here, "method"), "missing", origin=origin))
    name = block["method"]
    if not isinstance(name, str) or name not in RERANKERS:
        raise config_error(Problem((*here, "method"), "unknown_name", name, known=RERANKERS, origin=origin))
    if name == "exposure":
        return _read(ExposureSettings, block, here, origin)
    known = (*RerankSettings.model_fields, *_SYMBOLS)
    for key in block:
        if key not in known:
            raise config_error(Problem((*here, key), "unknown_key", known=known, origin=origin))
    strength = _strength(METHODS[name], block, here, origin)
    plain = {key: block[key] for key in block if key not in _SYMBOLS} | {"strength": strength}
    return _read(RerankSettings, plain, here, origin)


def _strength(method: RerankMethod, block: Mapping[str, Any], here: Key, origin: Origin | None) -> float:
    """Reads the strength (0 = input order) from the key that sets it."""
    given = [key for key in ("strength", *_SYMBOLS) if block.get(key) is not None]
    reason = ""
    if len(given) != 1:
        found = f"both {' and '.join(given)}" if given else "no strength"
        reason = f"has {found}: give one of strength or {method.symbol} for {method.name}"
    elif given[0] in {"lambda", "lam"} and method.symbol != "lambda":
        reason = f"has {given[0]}, but {method.name} has no {given[0]}: give {method.symbol}"
    if reason:
        raise config_error(Problem(here, "value_error", block, reason=reason, origin=origin))
    [key] = given
    # λ has the range of the strength, since the method with 1 - λ ranges from 0 to 1.
    limits = Field(strict=True, ge=0, le=method.highest_strength, allow_inf_nan=False)
    try:
        value = TypeAdapter(Annotated[float, limits]).validate_python(block[key])
    except ValidationError as error:
        raise config_error(from_pydantic(first_error(error), (*here, key), origin)) from None
    return 1.0 - value if method.falling and key in {"lambda", "lam"} else value


def read_pareto(block: Mapping[str, Any] | None, origin: Origin | None = None) -> ParetoSettings:
    """Reads and validates a ``pareto:`` block.

    Args:
        block: The value of ``pareto`` in the configuration; None for the defaults.
        origin: Where it was written.

    Raises:
        ConfigError: A key or method is unknown, or a value cannot be used.
    """
    settings = _read(ParetoSettings, block or {}, ("pareto",), origin)
    for key, names in (("methods", settings.methods or ()), ("strengths", tuple(settings.strengths))):
        check_methods(names, ("pareto", key), origin)
    return settings


class HistoryWeighting(BaseModel):
    """The ``history_weighting:`` block: how much each item of a history counts when a model scores it.

    Attributes:
        kind: ``exponential``: an item of age a weighs exp(-decay · a).
        by: Unit of the age: ``place`` (number of later items) or ``time`` (days before the history's last item).
        decay: At least 0; 0 weighs all items alike.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["exponential"] = "exponential"
    by: Literal["place", "time"] = "place"
    decay: float = Field(ge=0, allow_inf_nan=False)


def read_history_weighting(
    block: Mapping[str, Any] | None, origin: Origin | None = None
) -> HistoryWeighting | None:
    """Reads and validates a ``history_weighting:`` block.

    Args:
        block: The value of ``history_weighting`` in the configuration; None weighs all items alike.
        origin: Where it was written.

    Raises:
        ConfigError: A key is unknown or missing, or a value cannot be used.
    """
    return None if block is None else _read(HistoryWeighting, block, ("history_weighting",), origin)


class CandidateSampling(BaseModel):
    """The ``candidates:`` block: the few items among which a held-out one is ranked, as some papers do.

    Attributes:
        kind: ``uniform``; ``popularity``: in proportion to training interactions; ``cold``: nothing is drawn, the
            candidates are the items without training interaction.
        n: Items a user, beside the held-out ones.
        seed: Of the draw, which is the same for every model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["uniform", "popularity", "cold"] = "uniform"
    n: int = Field(100, ge=1)
    seed: int = Field(0, ge=0, lt=2**32)


def read_candidates(
    block: Mapping[str, Any] | None, origin: Origin | None = None
) -> CandidateSampling | None:
    """Reads and validates a ``candidates:`` block.

    Args:
        block: The value of ``candidates`` in the configuration; None ranks the whole catalogue.
        origin: Where it was written.

    Raises:
        ConfigError: A key is unknown, or a value cannot be used.
    """
    return None if block is None else _read(CandidateSampling, block, ("candidates",), origin)


def check_methods(names: Sequence[str], key: Key, origin: Origin | None = None) -> None:
    """Rejects unknown and repeated names in a list of re-rankers.

    Raises:
        ConfigError: A name is unknown, or comes twice.
    """
    for number, name in enumerate(names):
        if name in names[:number]:
            reason = f"names the method {name!r} twice: give each method once"
            raise config_error(Problem(key, "value_error", names, reason=reason, origin=origin))
        if name not in RERANKERS:
            words = f"names the method {name!r}{nearest(name, RERANKERS)} (known: {', '.join(RERANKERS)})"
            raise config_error(Problem(key, "unknown_name", name, {}, None, RERANKERS, words, origin))


def check_candidates_fit(candidates: int, k: int) -> None:
    """Rejects a number of candidates smaller than the length of a list.

    Args:
        candidates: N.
        k: Length of the lists.

    Raises:
        ConfigError: N is below k.
    """
    if candidates < k:
        raise ConfigError(
            f"rerank has candidates {candidates} for lists of {k}: give at least {k} candidates"
        )


_Block = TypeVar("_Block", bound=BaseModel)


def _read(form: type[_Block], block: Mapping[str, Any], here: Key, origin: Origin | None) -> _Block:
    try:
        return form.model_validate(dict(block))
    except ValidationError as error:
        raise config_error(from_pydantic(first_error(error), here, origin, form)) from None
