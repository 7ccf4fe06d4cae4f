"""What no model can help about, found before it is trained: floors out of reach, methods without genres."""

from __future__ import annotations

import math

import numpy as np

from recbole_ext.config.blocks import (
    RERANKERS,
    ExposureSettings,
    ParetoSettings,
    RerankSettings,
    read_rerank,
)
from recbole_ext.errors import ConfigError, DataError, RecBoleExtError
from recbole_ext.evaluator.metrics.beyond_accuracy import Evidence
from recbole_ext.rerank.curves import STRENGTHS

__all__ = ["check_curves", "check_floors", "check_genres"]

_ROUNDING = 1e-9


def check_genres(settings: RerankSettings | ExposureSettings, genres: np.ndarray | None) -> None:
    """Refuses a re-ranker that looks at genres where there are none.

    Args:
        settings: The re-ranker.
        genres: ``(n_items, G)``, or None.

    Raises:
        DataError: It does.
    """
    looks = settings.method == "mmr" or getattr(settings, "over", None) == "genres"
    if looks and genres is None:
        raise DataError(
            f"rerank has the method {settings.method}, which compares genres, but the data set has none: add a column "
            "genres to its .item file, or choose another method"
        )


def check_floors(settings: RerankSettings | ExposureSettings, evidence: Evidence, k: int) -> None:
    """Refuses floors that lists of unseen items cannot meet, whatever the scores are.

    The candidates of a model may lower the ceilings further, which is found when they are there.

    Args:
        settings: The re-ranker; one without floors passes.
        evidence: Of the phase whose lists are re-ranked.
        k: Length of the lists.

    Raises:
        ConfigError: A floor is above its ceiling, which the message names.
    """
    if not isinstance(settings, ExposureSettings):
        return
    n_users, n_items, tail = len(evidence.items), evidence.n_items, evidence.groups.tail
    indptr, seen = evidence.masked or (np.zeros(n_users + 1, dtype=np.int64), np.zeros(0, dtype=np.int64))
    slots = n_users * k
    # Nobody has an item twice where seen items are masked.
    available = np.bincount(seen, minlength=n_items) < n_users
    available[0] = False
    seen_tail = np.bincount(np.repeat(np.arange(n_users), np.diff(indptr)), tail[seen], minlength=n_users)
    tail_ceiling = int(np.minimum(k, tail.sum() - seen_tail).sum())
    min_tail = math.ceil(settings.tail_share * slots - _ROUNDING)
    if min_tail > tail_ceiling:
        raise ConfigError(
            f"rerank asks for a tail share of {settings.tail_share:g}, but lists of {k} unseen items reach "
            f"{tail_ceiling / slots:.4f} at most: lower tail_share"
        )
    heads = min(int((available & ~tail).sum()), slots - min_tail)
    ceiling = min(slots, int((available & tail).sum()) + heads)
    if math.ceil(settings.coverage * (n_items - 1) - _ROUNDING) > ceiling:
        beside = f" beside a tail share of {settings.tail_share:g}" if min_tail else ""
        raise ConfigError(
            f"rerank asks for a coverage of {settings.coverage:g}, but {n_users} lists of {k} reach "
            f"{ceiling / (n_items - 1):.4f} at most{beside}: lower coverage"
        )


def check_curves(settings: ParetoSettings, evidence: Evidence, k: int) -> None:
    """Refuses curves for which no method that is named can give a point.

    Args:
        settings: The ``pareto:`` block.
        evidence: Of the validation.
        k: Length of the lists.

    Raises:
        DataError, ConfigError: None can; the reason is that of the last one.
    """
    reason: RecBoleExtError | None = None
    for method in settings.methods or RERANKERS:
        try:
            return _check_curve(settings, method, evidence, k)
        except (DataError, ConfigError) as error:
            reason = error
    if reason is not None:
        raise type(reason)(f"the curves of pareto have no method left: {reason}") from reason


def _check_curve(settings: ParetoSettings, method: str, evidence: Evidence, k: int) -> None:
    if method == "exposure":
        # The lowest floor is a point if any is.
        lowest = min(settings.strengths.get(method) or STRENGTHS[method])
        check_floors(read_rerank({"method": method, "coverage": lowest}), evidence, k)
    else:
        check_genres(RerankSettings(method=method, strength=0.0), evidence.features)
