"""The ``rerank:`` block of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recbole_ext.config.messages import mistake_words, place_words
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.methods.base import PerUserReranker
from recbole_ext.rerank.methods.table import make_reranker, rerank_method

__all__ = ["RerankSettings", "read_rerank_settings"]

_PAPER_NAMES = ("alpha", "lambda", "lam")


class RerankSettings(BaseModel):
    """One method, how strong it is, and on how many candidates it works.

    The strength is written once, as

    - ``strength`` or ``alpha``, for every method: 0 = input order; or
    - ``lambda`` or ``lam``: the λ of the method's formula in the protocol. That is the strength, except for
      ``mmr``, where strength = 1 - λ; ``popularity_penalty`` has none.

    Example: ``rerank: {method: popularity_penalty, alpha: 0.1}``.

    Attributes:
        method: A key of ``recbole_ext.rerank.methods.table.METHODS``.
        strength: 0 = input order, whichever way it was written.
        candidates: N, the length of the lists that are scaled and re-ordered.
        variant: Of ``xquad``; None = its default, also below.
        over: Of ``calibrated``.
        smoothing: Of ``calibrated``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: str
    strength: float
    candidates: int = Field(default=200, ge=1)
    variant: str | None = None
    over: str | None = None
    smoothing: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_strength(cls, block: Any) -> Any:
        if not isinstance(block, Mapping) or "method" not in block:
            return block
        method = rerank_method(block["method"])
        given = [key for key in ("strength", *_PAPER_NAMES) if block.get(key) is not None]
        if len(given) != 1:
            found = f"both {' and '.join(given)}" if given else "no strength"
            raise ConfigError(
                f"rerank has {found}: give one of strength or {method.symbol} for {method.name}"
            )
        value = block[given[0]]
        if given[0] in {"lambda", "lam"}:
            if method.symbol != "lambda":
                raise ConfigError(f"{method.name} has no {given[0]}: give {method.symbol}")
            if method.falling and isinstance(value, int | float):
                value = 1.0 - value
        return {key: block[key] for key in block if key not in _PAPER_NAMES} | {"strength": value}

    @model_validator(mode="after")
    def _can_be_built(self) -> RerankSettings:
        self.reranker()
        return self

    def reranker(self) -> PerUserReranker:
        """The re-ranker of these settings.

        Raises:
            ConfigError: A value is out of its range, or an option belongs to another method.
        """
        options = {"variant": self.variant, "over": self.over, "smoothing": self.smoothing}
        given = {name: value for name, value in options.items() if value is not None}
        return make_reranker(self.method, self.strength, **given)

    def with_strength(self, strength: float) -> RerankSettings:
        """The same with another strength, for a sweep.

        Raises:
            ConfigError: The strength is out of the method's range.
        """
        return read_rerank_settings({**self.model_dump(), "strength": strength})

    def __str__(self) -> str:
        method = rerank_method(self.method)
        symbol, value = method.symbol, 1.0 - self.strength if method.falling else self.strength
        return (
            f"{self.method} ({method.rule}), {symbol} {value:g}, scores min-max scaled per user over the top "
            f"{self.candidates}"
        )


def read_rerank_settings(block: Mapping[str, Any]) -> RerankSettings:
    """Reads the block once, strictly.

    Args:
        block: What stands under ``rerank`` in the configuration.

    Returns:
        Frozen settings; ``model_dump()`` of them reads back as the same.

    Raises:
        ConfigError: A key is unknown or missing, or a value cannot be used.
    """
    if not isinstance(block, Mapping):
        raise ConfigError(
            f"rerank is {block!r}: give a block such as {{method: popularity_penalty, alpha: 0.1}}"
        )
    known = (*RerankSettings.model_fields, *_PAPER_NAMES)
    for key in block:
        if key not in known:
            raise ConfigError(
                f"rerank has an unknown key {key!r}: use {', '.join(known)}{nearest(str(key), known)}"
            )
    try:
        return RerankSettings.model_validate(dict(block))
    except ValidationError as error:
        first = error.errors()[0]
        # A strength is named as it was written.
        written = next((key for key in _PAPER_NAMES if block.get(key) is not None), "strength")
        names = [written if part == "strength" else part for part in first["loc"]]
        place = place_words(("rerank", *names))
        raise ConfigError(f"{place} {mistake_words(first)}") from None
