"""Re-rankers for one person at a time, by name.

A method that needs more than a person's own candidates, such as prices learnt from all users, enters its maker in
:data:`ONLINE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from recbole_ext.config.blocks import METHODS, RerankSettings, read_rerank
from recbole_ext.errors import ConfigError, nearest
from recbole_ext.rerank.checks import check_genres
from recbole_ext.rerank.methods.candidates import Candidates
from recbole_ext.rerank.methods.side_information import SideInformation
from recbole_ext.rerank.methods.table import reranker_of

if TYPE_CHECKING:
    from recbole_ext.serve.model import ServedModel

__all__ = ["ONLINE", "OneUser", "OnlineMethod", "methods_of", "one_user_reranker"]


class OneUser(Protocol):
    """Orders the candidates of one person."""

    @property
    def depth(self) -> int:
        """N, the number of best items that it chooses from."""
        ...

    def __call__(self, candidates: Candidates, side: SideInformation, k: int) -> np.ndarray:
        """The list.

        Args:
            candidates: One row of N best items.
            side: The catalogue, and the history of the person in its one row.
            k: Length of the list; the person has as many candidates.

        Returns:
            ``(k,) int64`` items, the best first.
        """
        ...


@dataclass(frozen=True)
class OnlineMethod:
    """A method that only a server has.

    Attributes:
        make: From a model and a ``rerank:`` block to a re-ranker; a ``RecBoleExtError`` where the block cannot be used.
        describe: What ``/v1/models`` says of it for a model, or None where the model does not offer it.
    """

    make: Callable[[ServedModel, Mapping[str, Any]], OneUser]
    describe: Callable[[ServedModel], dict[str, Any] | None]


ONLINE: dict[str, OnlineMethod] = {}
"""Methods by the name that requests use, beside those of ``rerank:`` blocks."""


@dataclass(frozen=True)
class _Alone:
    """A method of ``rerank:`` blocks, which looks at each person alone."""

    settings: RerankSettings

    @property
    def depth(self) -> int:
        return self.settings.candidates

    def __call__(self, candidates: Candidates, side: SideInformation, k: int) -> np.ndarray:
        items, _ = reranker_of(self.settings)(candidates, side, k)
        return items[0]


def one_user_reranker(model: ServedModel, block: Mapping[str, Any]) -> OneUser:
    """The re-ranker of a request.

    Args:
        model: Whose lists are re-ranked.
        block: As in a configuration.

    Raises:
        ConfigError, DataError: The method or a value cannot be used, or the data set has no genres.
    """
    name = block["method"]
    if name in ONLINE:
        return ONLINE[name].make(model, block)
    if name == "exposure":
        raise ConfigError(
            "exposure is one problem over all users, which a request for one person is not: serve prices of a run "
            "('rerank RUN --method=exposure --save-prices'), or name another method"
        )
    if name not in METHODS:
        known = (*METHODS, *ONLINE)
        raise ConfigError(f"there is no re-ranker {name!r}{nearest(name, known)} (known: {', '.join(known)})")
    settings = read_rerank(block)
    check_genres(settings, model.genres)
    assert isinstance(settings, RerankSettings)
    return _Alone(settings)


def methods_of(model: ServedModel) -> list[dict[str, Any]]:
    """The methods that a model offers, as ``/v1/models`` shows them."""
    found: list[dict[str, Any]] = [
        {
            "method": method.name,
            "rule": method.rule,
            "symbol": method.symbol,
            "highest_strength": None if np.isinf(method.highest_strength) else method.highest_strength,
            "options": list(method.options),
            "paper": method.paper or None,
        }
        for method in METHODS.values()
        if model.genres is not None or method.name != "mmr"
    ]
    return [*found, *filter(None, (method.describe(model) for method in ONLINE.values()))]
