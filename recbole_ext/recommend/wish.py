"""What is asked of a run: length of the lists, candidates and re-ranker; checked before torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from recbole_ext.config.blocks import ExposureSettings, RerankSettings, check_candidates_fit
from recbole_ext.errors import ConfigError

__all__ = ["Wish", "check_wish"]


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        k: Length of the lists.
        exclude_seen: Whether a person's own items are no candidates; None = as in the run's evaluation.
        candidates: The items to choose from, by token or title; None for the whole catalogue.
        rerank: A re-ranker; None for the model's own order.
        with_titles: Whether there is a column ``title``.
    """

    k: int = 10
    exclude_seen: bool | None = None
    candidates: Sequence[Any] | None = None
    rerank: RerankSettings | ExposureSettings | None = None
    with_titles: bool = True


def check_wish(wish: Wish) -> None:
    """Refuses what no run can give, before one is opened.

    Raises:
        ConfigError: k is no whole number from 1 on, or a re-ranker has fewer candidates than a list has places.
    """
    if not isinstance(wish.k, Integral) or isinstance(wish.k, bool) or wish.k < 1:
        raise ConfigError(f"k is {wish.k!r}: give a whole number from 1 on")
    if wish.rerank is not None:
        check_candidates_fit(wish.rerank.candidates, wish.k)
