"""The one table of re-rankers that order each user's candidates on their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.methods.base import PerUserReranker
from recbole_ext.rerank.methods.calibrated import Calibrated
from recbole_ext.rerank.methods.mmr import MMR
from recbole_ext.rerank.methods.popularity_penalty import PopularityPenalty
from recbole_ext.rerank.methods.value_aware import ValueAware
from recbole_ext.rerank.methods.xquad import XQuAD

__all__ = ["METHODS", "RerankMethod", "make_reranker", "rerank_method"]


@dataclass(frozen=True)
class RerankMethod:
    """One row of the table.

    Attributes:
        reranker: The class.
        rule: The formula, as in the protocol.
        symbol: What the formula calls its strength: ``alpha`` or ``lambda``.
        falling: Whether the formula's own symbol is 1 - strength.
        options: Further arguments of the class.
        paper: Authors, venue and year.
    """

    reranker: type[PerUserReranker]
    rule: str
    symbol: str
    falling: bool = False
    options: tuple[str, ...] = ()
    paper: str = ""

    @property
    def name(self) -> str:
        """Name of the method in the configuration."""
        return self.reranker.name


METHODS: dict[str, RerankMethod] = {
    method.name: method
    for method in (
        RerankMethod(PopularityPenalty, "s - α·p", "alpha"),
        RerankMethod(ValueAware, "(1-λ)·s + λ·(1-p)", "lambda"),
        RerankMethod(
            XQuAD,
            "(1-λ)·s + λ·P(c|u)·(1 - share of c in the list)",
            "lambda",
            options=("variant",),
            paper="Abdollahpouri et al., FLAIRS 2019",
        ),
        RerankMethod(
            Calibrated,
            "(1-λ)·Σs - λ·KL(p‖q)",
            "lambda",
            options=("over", "smoothing"),
            paper="Steck, RecSys 2018",
        ),
        RerankMethod(
            MMR,
            "λ·s - (1-λ)·max similarity",
            "lambda",
            falling=True,
            paper="Carbonell and Goldstein, SIGIR 1998",
        ),
    )
}


def rerank_method(name: str) -> RerankMethod:
    """A row of the table.

    Raises:
        ConfigError: There is no such method.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ConfigError(
            f"there is no re-ranker {name!r}: use one of {', '.join(METHODS)}{nearest(str(name), METHODS)}"
        )
    return METHODS[name]


def make_reranker(name: str, strength: float, **options: Any) -> PerUserReranker:
    """A re-ranker by its name.

    Args:
        name: A key of ``METHODS``.
        strength: 0 = input order; for ``mmr`` the 1 - λ of its formula.
        **options: What the method takes beside it.

    Raises:
        ConfigError: The method or an option is unknown, or a value is out of its range.
    """
    method = rerank_method(name)
    for option in options:
        if option not in method.options:
            takes = f"it takes {', '.join(method.options)}" if method.options else "it takes no options"
            raise ConfigError(f"{name} has no option {option!r}: {takes}{nearest(option, method.options)}")
    return method.reranker(strength=strength, **options)
