"""The per-user re-rankers by their names in ``config.blocks.METHODS``."""

from __future__ import annotations

from typing import Any

from recbole_ext.config.blocks import METHODS, RerankSettings, rerank_method
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.methods.base import PerUserReranker
from recbole_ext.rerank.methods.calibrated import Calibrated
from recbole_ext.rerank.methods.mmr import MMR
from recbole_ext.rerank.methods.popularity_penalty import PopularityPenalty
from recbole_ext.rerank.methods.value_aware import ValueAware
from recbole_ext.rerank.methods.xquad import XQuAD

__all__ = ["METHODS", "make_reranker", "reranker_of"]

_CLASSES: dict[str, type[PerUserReranker]] = {
    reranker.name: reranker for reranker in (PopularityPenalty, ValueAware, XQuAD, Calibrated, MMR)
}


def make_reranker(name: str, strength: float, **options: Any) -> PerUserReranker:
    """Creates a re-ranker by name.

    Args:
        name: A key of ``METHODS``.
        strength: 0 = input order; for ``mmr``, 1 - λ of its formula.
        **options: Further options of the method.

    Raises:
        ConfigError: The method or an option is unknown, or a value is out of its range.
    """
    method = rerank_method(name)
    for option in options:
        if option not in method.options:
            takes = f"it takes {', '.join(method.options)}" if method.options else "it takes no options"
            raise ConfigError(f"{name} has no option {option!r}: {takes}{nearest(option, method.options)}")
    return _CLASSES[name](strength=strength, **options)


def reranker_of(settings: RerankSettings) -> PerUserReranker:
    """Creates the re-ranker of a ``rerank:`` block."""
    return make_reranker(settings.method, settings.strength, **settings.options)
